package dev.cocovisor.tdx.kvm;

/**
 * The MSRs that KVM has for a TD, as a vCPU is made: user space changed neither CPUID nor the
 * machine-check capabilities, and what is written is not looked at.
 *
 * <p>KVM first asks whether it emulates the MSR for TDs at all, then what any guest is answered: of
 * the range of MTRRs eight pairs and the eleven fixed ones are there; without MCG_CTL_P, CMCI and
 * LMCE neither MCG_CTL, nor MCi_CTL2 and LVTCMCI, nor MCG_EXT_CTL are. Sources (7.3): {@code
 * arch/x86/kvm/vmx/tdx.c}, tdx_has_emulated_msr, tdx_is_read_only_msr, tdx_get_msr, tdx_set_msr;
 * {@code mtrr.c}, find_mtrr; {@code msrs.c}, get_msr_mce, set_msr_mce, kvm_set_msr_common; {@code
 * lapic.c}, kvm_lapic_reg_write.
 */
final class TdMsrs {
  /** KVM_MSR_EXIT_REASON_INVAL. */
  static final long INVALID = 1;

  /** KVM_MSR_EXIT_REASON_UNKNOWN. */
  static final long UNKNOWN = 2;

  private static final int VARIABLE_MTRRS = 8;

  private TdMsrs() {}

  private static boolean isReadable(long msr) {
    if (msr < 0 || msr > 0xffff_ffffL) {
      return false;
    }
    if (msr >= 0x200 && msr <= 0x26f) {
      return isMtrr((int) msr);
    }
    // MC0_CTL and on.
    return (msr >= 0x400 && msr <= 0x47f) || isNamed((int) msr);
  }

  /** Says why a TD that asks for the MSR is given no value; 0 where it is. */
  static long refusesRead(long msr) {
    return isReadable(msr) ? 0 : INVALID;
  }

  /** Says why a TD that wants to set the MSR is not let; 0 where it is. */
  static long refusesWrite(long msr) {
    if (!isReadable(msr)) {
      return INVALID;
    }
    return isUnknownToWrites((int) msr) ? UNKNOWN : isReadOnly((int) msr) ? INVALID : 0;
  }

  /** Nobody handles a write of MCG_CAP; ARCH_CAPABILITIES is the host's alone. */
  private static boolean isUnknownToWrites(int msr) {
    return msr == 0x179 || msr == 0x10a;
  }

  private static boolean isMtrr(int msr) {
    return msr < 0x200 + 2 * VARIABLE_MTRRS
        || msr == 0x250
        || msr == 0x258
        || msr == 0x259
        || msr >= 0x268;
  }

  private static boolean isReadOnly(int msr) {
    return switch (msr) {
      // APIC base, EFER and feature control are the module's.
      case 0x1b, 0xc0000080, 0x3a -> true;
      // MTRRcap, PLATFORM_INFO.
      case 0xfe, 0xce -> true;
      // x2APIC: ID, version, LDR, current count.
      case 0x802, 0x803, 0x80d, 0x839 -> true;
      default -> false;
    };
  }

  private static boolean isNamed(int msr) {
    return switch (msr) {
      // Microcode, capabilities, power, PAT, MTRRcap and default type, deadline, miscellaneous.
      case 0x8b, 0x10a, 0x1fc, 0x277, 0xfe, 0x2ff, 0x6e0, 0x1a0, 0xce, 0x140 -> true;
      // APIC base, EFER, feature control, machine checks, KVM's poll control.
      case 0x1b, 0xc0000080, 0x3a, 0x179, 0x17a, 0x4b564d05 -> true;
      // x2APIC registers that the processor does not virtualise.
      case 0x802, 0x803, 0x80d, 0x80f, 0x828, 0x830, 0x832 -> true;
      case 0x833, 0x834, 0x835, 0x836, 0x837, 0x838, 0x839, 0x83e -> true;
      default -> false;
    };
  }
}
