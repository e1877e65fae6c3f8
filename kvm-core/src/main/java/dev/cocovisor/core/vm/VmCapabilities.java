package dev.cocovisor.core.vm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;

/** KVM_ENABLE_CAP on a VM. Source: {@code arch/x86/kvm/x86.c}, kvm_vm_ioctl_enable_cap. */
final class VmCapabilities {
  private final Vm vm;
  private long hypercallExits;

  VmCapabilities(Vm vm) {
    this.vm = vm;
  }

  Errno enable(int cap, long flags, long arg0) {
    if (flags != 0) {
      return Errno.EINVAL;
    }
    if (cap == VmSettings.CAP_EXIT_HYPERCALL && vm.host().architecture() == Architecture.X86_64) {
      if ((arg0 & ~VmSettings.EXIT_HYPERCALL_VALID) != 0) {
        return Errno.EINVAL;
      }
      hypercallExits = arg0;
      return Errno.OK;
    }
    vm.kvmLock().lock();
    try {
      return vm.ops().enableCap(cap, flags, arg0);
    } finally {
      vm.kvmLock().unlock();
    }
  }

  /** Tells whether userspace wants to answer a hypercall itself. */
  boolean exitsOn(long hypercall) {
    return hypercall < 64 && (hypercallExits >>> hypercall & 1) != 0;
  }
}
