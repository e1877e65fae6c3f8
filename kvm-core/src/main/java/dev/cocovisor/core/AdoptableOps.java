package dev.cocovisor.core;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.api.ops.VmOps;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The hooks of a VM of the kernel's own types on a host whose vendor may make a guest of its own of
 * it: the kernel's defaults, until somebody makes a call on encryption.
 *
 * <p>In the kernel the vendor's hooks are there from the start and do nothing for such a VM; here
 * its half, and the platform behind it, come with the first call that needs them. Source: {@code
 * arch/x86/kvm/svm/sev.c}, sev_vm_init, sev_guest_init (7.3).
 */
final class AdoptableOps extends ForwardingVmOps {
  private final VmContext vm;
  private final Supplier<VmOps> vendor;
  private volatile @Nullable VmOps adopted;

  /**
   * Creates the hooks.
   *
   * @param plain what holds until the vendor comes
   * @param vendor makes the vendor's half
   */
  AdoptableOps(VmContext vm, VmOps plain, Supplier<VmOps> vendor) {
    super(plain);
    this.vm = vm;
    this.vendor = vendor;
  }

  @Override
  public VmOps delegate() {
    VmOps ops = adopted;
    return ops == null ? super.delegate() : ops;
  }

  private Errno adopt() {
    var lock = vm.kvmLock();
    lock.lock();
    try {
      if (adopted != null) {
        return Errno.OK;
      }
      VmOps ops = vendor.get();
      Errno r = ops.vmInit();
      if (!r.ok()) {
        return r;
      }
      for (VcpuContext v : vm.vcpus()) {
        r = ops.vcpuCreate(v);
        if (!r.ok()) {
          ops.vmDestroy();
          return r;
        }
      }
      adopted = ops;
      return Errno.OK;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public long memEncIoctl(VendorCommand command) {
    Errno r = adopt();
    return r.ok() ? super.memEncIoctl(command) : -r.number();
  }

  @Override
  public Errno vmCopyEncContextFrom(VmOps source) {
    Errno r = adopt();
    return r.ok() ? super.vmCopyEncContextFrom(source) : r;
  }

  @Override
  public Errno vmMoveEncContextFrom(VmOps source) {
    Errno r = adopt();
    return r.ok() ? super.vmMoveEncContextFrom(source) : r;
  }
}
