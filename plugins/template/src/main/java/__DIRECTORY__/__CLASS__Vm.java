package __PACKAGE__;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;

/** The vendor half of one VM: override the hooks in which the technology differs from plain KVM. */
final class __CLASS__Vm implements VmOps {
  private final VmContext vm;
  private boolean started;

  __CLASS__Vm(VmContext vm) {
    this.vm = vm;
  }

  @Override
  public VmTraits traits() {
    return VmTraits.SW_PROTECTED;
  }

  @Override
  public long memEncIoctl(VendorCommand command) {
    if (!command.name().equals("KVM___CONSTANT___START")) {
      return -Errno.EINVAL.number();
    }
    vm.kvmLock().lock();
    try {
      if (started) {
        return -Errno.EINVAL.number();
      }
      started = true;
      return 0;
    } finally {
      vm.kvmLock().unlock();
    }
  }
}
