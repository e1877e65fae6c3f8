package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;

/**
 * What user space sets of a vCPU with hidden registers and KVM still goes by: whether it may run,
 * whether it is debugged, and what its CPUID says of addresses.
 *
 * <p>A vCPU that user space makes runnable though its guest took its save area away does not sleep
 * but fails to enter; one that is debugged, by KVM or by DR7, cannot be measured. Source: {@code
 * arch/x86/kvm/x86.c}, kvm_arch_vcpu_ioctl_get_mpstate, kvm_arch_vcpu_ioctl_set_mpstate,
 * kvm_arch_vcpu_ioctl_set_guest_debug; {@code regs.c}, kvm_vcpu_ioctl_x86_set_debugregs; {@code
 * svm/sev.c}, pre_sev_run, sev_es_sync_vmsa (7.3).
 */
final class VcpuState {
  private static final long RUNNABLE = 0;
  private static final long UNINITIALIZED = 1;
  private static final long INIT_RECEIVED = 2;
  private static final long HALTED = 3;
  private static final long SIPI_RECEIVED = 4;
  private static final long AP_RESET_HOLD = 9;
  private static final long DEBUG_ENABLED = 1;
  private static final long DR7_FIXED_1 = 0x400;

  private final SevVm sev;

  VcpuState(SevVm sev) {
    this.sev = sev;
  }

  /** Answers an ioctl, or leaves it to the core with ENOTTY. */
  long ioctl(SevVcpu s, VendorCommand c) {
    return switch (c.name()) {
      case "KVM_SET_MP_STATE" -> run(s, number(c.in(), "mp_state"));
      case "KVM_GET_MP_STATE" -> tell(s, c);
      case "KVM_SET_GUEST_DEBUG" -> {
        if (!s.protectedState) {
          s.debugged = (number(c.in(), "control") & DEBUG_ENABLED) != 0;
        }
        yield -Errno.ENOTTY.number();
      }
      case "KVM_SET_DEBUGREGS" -> debugRegisters(s, c.in());
      case "KVM_SET_CPUID", "KVM_SET_CPUID2" -> {
        s.addressBits = GuestCpuid.addressBits(c.in());
        yield -Errno.ENOTTY.number();
      }
      default -> -Errno.ENOTTY.number();
    };
  }

  /** What is hidden the core refuses, before any argument. */
  private long debugRegisters(SevVcpu s, Fields in) {
    if (s.protectedState) {
      return -Errno.ENOTTY.number();
    }
    if (number(in, "flags") != 0
        || number(in, "dr6") >>> 32 != 0
        || number(in, "dr7") >>> 32 != 0) {
      return sev.fail(Errno.EINVAL, "flags are 0, and DR6 and DR7 have 32 bits");
    }
    s.breakpoints = (number(in, "dr7") & ~DR7_FIXED_1) != 0;
    return -Errno.ENOTTY.number();
  }

  private long run(SevVcpu s, long state) {
    boolean known =
        state == RUNNABLE
            || ((state == UNINITIALIZED
                    || state == INIT_RECEIVED
                    || state == HALTED
                    || state == SIPI_RECEIVED
                    || state == AP_RESET_HOLD)
                && sev.context().lapicInKernel());
    if (!known) {
      return sev.fail(Errno.EINVAL, "only RUNNABLE where the local APIC is not KVM's");
    }
    s.halted = state == HALTED;
    s.resetHold = state == AP_RESET_HOLD;
    return 0;
  }

  /** Where the local APIC is KVM's, who waits for a SIPI is left to the core. */
  private long tell(SevVcpu s, VendorCommand c) {
    if (!s.halted && !s.resetHold && sev.context().lapicInKernel()) {
      return -Errno.ENOTTY.number();
    }
    c.out().put("mp_state", s.halted ? HALTED : s.resetHold ? AP_RESET_HOLD : RUNNABLE);
    return 0;
  }

  /** Words that are no numbers, as strace's names, say nothing here. */
  private static long number(Fields in, String name) {
    return in.asMap().get(name) instanceof Long n ? n : 0;
  }
}
