package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;

/**
 * The devices that KVM itself emulates for a VM, as far as calls ask whether they are there. Of
 * what they do nothing is modelled: they have no part in guest memory. Source: {@code
 * arch/x86/kvm/x86.c}, kvm_arch_vm_ioctl, of Linux 7.3.
 */
public final class VmDevices {
  private final Vm vm;
  private boolean irqchip;
  private boolean pit;

  VmDevices(Vm vm) {
    this.vm = vm;
  }

  /** KVM_CREATE_IRQCHIP: once, and before there are vCPUs. */
  public Errno createIrqchip() {
    vm.kvmLock().lock();
    try {
      if (irqchip) {
        return Errno.EEXIST;
      }
      if (hasVcpus()) {
        return vm.refuse(Errno.EINVAL, "the irqchip comes before the vCPUs");
      }
      irqchip = true;
      return Errno.OK;
    } finally {
      vm.kvmLock().unlock();
    }
  }

  /** KVM_CREATE_PIT and ..PIT2: once, and it needs the irqchip. */
  public Errno createPit() {
    vm.kvmLock().lock();
    try {
      if (pit) {
        return Errno.EEXIST;
      }
      if (!irqchip) {
        return vm.refuse(Errno.ENOENT, "the PIT needs KVM_CREATE_IRQCHIP first");
      }
      pit = true;
      return Errno.OK;
    } finally {
      vm.kvmLock().unlock();
    }
  }

  /** Tells whether KVM emulates the interrupt controllers. */
  public boolean hasIrqchip() {
    return irqchip;
  }

  /** Tells whether KVM emulates the timer. */
  public boolean hasPit() {
    return pit;
  }

  /** Tells whether the VM has vCPUs, after which some calls come too late. */
  public boolean hasVcpus() {
    return vm.vcpuArray().length > 0;
  }
}
