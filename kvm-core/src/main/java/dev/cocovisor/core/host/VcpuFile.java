package dev.cocovisor.core.host;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.mem.PolicyMap;
import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.mm.MappableFile;
import dev.cocovisor.core.vm.Vcpu;

/**
 * What a vCPU's descriptor names. Mapped, it shows {@link dev.cocovisor.core.vm.VcpuPages}; a
 * mapping keeps the VM as a descriptor does. Source: {@code virt/kvm/kvm_main.c} (7.3),
 * kvm_vcpu_mmap, kvm_vcpu_fault.
 */
final class VcpuFile implements MappableFile {
  private final Vcpu vcpu;
  private final KvmRun run;
  private final PolicyMap policies = new PolicyMap();

  VcpuFile(Vcpu vcpu, KvmRun run) {
    this.vcpu = vcpu;
    this.run = run;
  }

  /** Returns the vCPU. */
  Vcpu vcpu() {
    return vcpu;
  }

  /** Returns its kvm_run page. */
  KvmRun run() {
    return run;
  }

  @Override
  public Errno mayMap(boolean shared) {
    return Errno.OK;
  }

  /** The ring is mapped shared, and nobody executes it. */
  @Override
  public Errno mayMapPages(long first, long pages, boolean shared, boolean executable) {
    return vcpu.pages().touchesRing(first, pages) && (executable || !shared)
        ? Errno.EINVAL
        : Errno.OK;
  }

  @Override
  public long userFault(long pageIndex) {
    return vcpu.pages().frame(pageIndex);
  }

  @Override
  public PolicyMap policies() {
    return policies;
  }

  @Override
  public void mapped(AddressSpace space) {
    vcpu.machine().get();
  }

  @Override
  public void unmapped(AddressSpace space) {
    space.later(vcpu.machine()::put);
  }

  @Override
  public Errno punch(long offset, long length) {
    return Errno.EINVAL;
  }
}
