package dev.cocovisor.core.vm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;

/**
 * KVM_ENABLE_CAP on a VM: the generic capabilities first, which judge the flags themselves, then
 * the architecture's, then the vendor's. Sources: {@code virt/kvm/kvm_main.c},
 * kvm_vm_ioctl_enable_cap_generic; {@code arch/x86/kvm/x86.c}, kvm_vm_ioctl_enable_cap.
 */
public final class VmCapabilities {
  /** KVM_X86_VALID_QUIRKS: what KVM_CAP_DISABLE_QUIRKS2 takes. */
  private static final long QUIRKS = 0xfff;

  /** KVM_X86_QUIRK_NESTED_SVM_SHARED_PAT: nothing to disable without nested paging. */
  private static final long QUIRK_NESTED_SVM_SHARED_PAT = 1 << 11;

  /** KVM_X86_QUIRK_SLOT_ZAP_ALL: all mappings go when a slot goes. */
  static final long QUIRK_SLOT_ZAP_ALL = 1 << 7;

  private final Vm vm;
  private long hypercallExits;
  private volatile long disabledQuirks;

  VmCapabilities(Vm vm) {
    this.vm = vm;
  }

  /** Returns the quirks of a host (kvm_caps.supported_quirks). */
  public static long quirks(boolean tdpMmu) {
    return tdpMmu ? QUIRKS : QUIRKS & ~QUIRK_NESTED_SVM_SHARED_PAT;
  }

  Errno enable(int number, long flags, long arg0) {
    Capability cap = Capability.of(number);
    if (cap == Capability.KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) {
      return vm.dirtyLog().enableManual(flags, arg0);
    }
    boolean x86 = vm.host().architecture().equals(Architecture.X86_64);
    if (cap == Capability.KVM_CAP_DIRTY_LOG_RING_ACQ_REL
        || (cap == Capability.KVM_CAP_DIRTY_LOG_RING && x86)) {
      return vm.dirtyLog().enableRing((int) arg0);
    }
    if (flags != 0) {
      return vm.refuse(Errno.EINVAL, "flags must be 0");
    }
    if (cap == Capability.KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP && !x86) {
      return vm.dirtyLog().enableBitmapBeside();
    }
    if (cap == Capability.KVM_CAP_HALT_POLL) {
      // How long a halted vCPU polls is a matter of time, which the model does not have.
      return arg0 >>> 32 != 0
          ? vm.refuse(Errno.EINVAL, "the polling time is a 32-bit number")
          : Errno.OK;
    }
    if (cap != null && vm.host().architecture().equals(Architecture.X86_64)) {
      switch (cap) {
        case KVM_CAP_EXIT_HYPERCALL -> {
          if ((arg0 & ~VmSettings.EXIT_HYPERCALL_VALID) != 0) {
            return vm.refuse(Errno.EINVAL, "KVM_HC_MAP_GPA_RANGE alone can exit");
          }
          hypercallExits = arg0;
          return Errno.OK;
        }
        case KVM_CAP_DISABLE_QUIRKS2 -> {
          return (arg0 & ~quirks(vm.rules().tdpMmu())) != 0
              ? vm.refuse(Errno.EINVAL, "a quirk that this KVM does not have")
              : disableQuirks(arg0);
        }
        case KVM_CAP_DISABLE_QUIRKS -> {
          return disableQuirks(arg0);
        }
        default -> {}
      }
    }
    vm.kvmLock().lock();
    try {
      Errno ofMachine =
          cap != null && vm.host().architecture().equals(Architecture.X86_64)
              ? vm.devices().enable(cap, arg0)
              : null;
      if (ofMachine != null) {
        return ofMachine;
      }
      return vm.ops().enableCap(number, flags, arg0);
    } finally {
      vm.kvmLock().unlock();
    }
  }

  /** A quirk once disabled stays so. */
  private Errno disableQuirks(long quirks) {
    disabledQuirks |= quirks & QUIRKS;
    return Errno.OK;
  }

  /** Tells whether userspace wants to answer a hypercall itself. */
  boolean exitsOn(long hypercall) {
    return hypercall < 64 && (hypercallExits >>> hypercall & 1) != 0;
  }

  /**
   * Tells whether all mappings go when a slot is deleted or moved: so it is for default VMs unless
   * userspace disabled the quirk; for others, and without it, only the slot's own go. Source:
   * {@code arch/x86/kvm/mmu/mmu.c}, kvm_arch_flush_shadow_memslot and
   * kvm_mmu_zap_memslot_pages_and_flush.
   */
  boolean zapsAllOnSlotChange() {
    return vm.rules().zapsAllOnSlotChange() && (disabledQuirks & QUIRK_SLOT_ZAP_ALL) == 0;
  }
}
