package dev.cocovisor.live.kvm;

import static dev.cocovisor.live.agent.Syscall.*;

import dev.cocovisor.live.sys.KvmRunStruct;

/** A vCPU's kvm_run page in the agent: KVM_RUN, and what userspace answers to an exit. */
final class RunPage {
  private final Kernel kernel;

  RunPage(Kernel kernel) {
    this.kernel = kernel;
  }

  /** Lets the guest run; 0 or the negative number of the error. */
  long run(LiveVcpu vcpu) {
    return kernel.ioctl(vcpu.fd(), Kernel.RUN, 0);
  }

  /** Fetches the page: why the guest stopped. */
  KvmRunStruct fetch(LiveVcpu vcpu) {
    var _ = kernel.agent().copy(kernel.agent().scratchAddress(), vcpu.run(), KvmRunStruct.SIZE);
    return new KvmRunStruct(kernel.agent().scratch().asSlice(0, KvmRunStruct.SIZE).asByteBuffer());
  }

  /** Completes an MMIO exit, without letting the guest go on: a read sees ones. */
  void completeMmio(LiveVcpu vcpu) {
    put(vcpu, KvmRunStruct.AT_MMIO_DATA, -1);
    immediate(vcpu, 1);
    var _ = run(vcpu);
    immediate(vcpu, 0);
  }

  /** Puts what a load from a device sees; the guest goes on with its next run. */
  void answerMmio(LiveVcpu vcpu, long value) {
    put(vcpu, KvmRunStruct.AT_MMIO_DATA, value);
  }

  /** Puts userspace's answer to a hypercall. */
  void answerHypercall(LiveVcpu vcpu, long ret) {
    put(vcpu, KvmRunStruct.AT_HYPERCALL_RET, ret);
  }

  private void put(LiveVcpu vcpu, int at, long value) {
    kernel.put64(0, value);
    var _ = kernel.agent().copy(vcpu.run() + at, kernel.agent().scratchAddress(), Long.BYTES);
  }

  private void immediate(LiveVcpu vcpu, int on) {
    var _ = kernel.agent().store(vcpu.run() + KvmRunStruct.AT_IMMEDIATE_EXIT, on);
  }

  /** Maps the page of a new vCPU; the negative number of the error where that fails. */
  long map(long vcpu, long at, long size) {
    // PROT_READ|PROT_WRITE; MAP_SHARED|MAP_FIXED_NOREPLACE
    return kernel.call(MMAP, at, size, 3, 0x100001, vcpu, 0);
  }

  void unmap(LiveVcpu vcpu, long size) {
    var _ = kernel.call(MUNMAP, vcpu.run(), size);
  }
}
