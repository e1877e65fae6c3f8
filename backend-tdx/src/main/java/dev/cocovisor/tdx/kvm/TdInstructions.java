package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.tdx.guest.VmcallStatus;
import dev.cocovisor.tdx.module.abi.Registers;
import org.jspecify.annotations.Nullable;

/**
 * Instructions that a TD asks its host for by TDVMCALL: CPUID, HLT, IO and MSRs.
 *
 * <p>What they return is not modelled, only whether KVM carries them out: IO of one, two or four
 * bytes is user space's; an MSR is there if KVM emulates it for TDs. Source: Linux 7.3, {@code
 * arch/x86/kvm/vmx/tdx.c}, tdcall_to_vmx_exit_reason, tdx_emulate_cpuid, tdx_emulate_io,
 * tdx_has_emulated_msr, tdx_is_read_only_msr, tdx_complete_emulated_msr; {@code x86.c},
 * __kvm_emulate_halt.
 */
final class TdInstructions {
  private static final int CPUID = 10;
  private static final int HLT = 12;
  private static final int IO = 30;
  private static final int MSR_READ = 31;
  private static final int MSR_WRITE = 32;

  private static final int EXIT_IO = 2;

  private final TdxVm td;

  TdInstructions(TdxVm td) {
    this.td = td;
  }

  /** Carries out the instruction that R11 names; null if it names none. */
  @Nullable RunResult run(TdxVcpu v, Registers r) {
    if (r.r11 < 0 || r.r11 > MSR_WRITE) {
      return null;
    }
    return switch ((int) r.r11) {
      case CPUID -> done(VmcallStatus.SUCCESS);
      case HLT -> halt();
      case IO -> io(v, r.r12, r.r13, r.r14);
      case MSR_READ -> msr(isEmulated(r.r12));
      case MSR_WRITE -> msr(isEmulated(r.r12) && !isReadOnly(r.r12));
      default -> null;
    };
  }

  private static RunResult done(long status) {
    return RunResult.ok(new Exit.Hlt(status));
  }

  /** With its local APIC in the kernel, as a real TD has it, the vCPU sleeps in KVM_RUN. */
  private RunResult halt() {
    return td.vm().lapicInKernel()
        ? new RunResult(td.refuse(Errno.EINTR, "the guest halted"), new Exit.Interrupted())
        : done(VmcallStatus.SUCCESS);
  }

  private static RunResult io(TdxVcpu v, long size, long write, long port) {
    boolean sized = size == 1 || size == 2 || size == 4;
    if (!sized || (write != 0 && write != 1)) {
      return done(VmcallStatus.INVALID_OPERAND);
    }
    v.pending = _ -> done(VmcallStatus.SUCCESS);
    return RunResult.ok(
        new Exit.Vendor(
            EXIT_IO,
            "KVM_EXIT_IO",
            new Fields()
                .put("direction", write)
                .put("size", size)
                .put("port", port & 0xffff)
                .put("count", 1)));
  }

  private static RunResult msr(boolean there) {
    return done(there ? VmcallStatus.SUCCESS : VmcallStatus.INVALID_OPERAND);
  }

  private static boolean isReadOnly(long msr) {
    return msr == 0x1b || msr == 0xc0000080L || msr == 0x3a;
  }

  /** What KVM emulates for a TD. */
  private static boolean isEmulated(long msr) {
    if ((msr >= 0x200 && msr <= 0x26f) || (msr >= 0x280 && msr <= 0x29f)) {
      return true; // MTRRs; MC0_CTL2 and on
    }
    if (msr >= 0x400 && msr <= 0x47f) {
      return true; // MC0_CTL and on
    }
    return msr <= 0xffff_ffffL && msr >= 0 && isNamed((int) msr);
  }

  private static boolean isNamed(int msr) {
    return switch (msr) {
      // Microcode, capabilities, power, PAT, MTRRcap and default type, deadline, miscellaneous.
      case 0x8b, 0x10a, 0x1fc, 0x277, 0xfe, 0x2ff, 0x6e0, 0x1a0, 0xce, 0x140 -> true;
      // APIC base, EFER, feature control, machine checks, KVM's poll control.
      case 0x1b, 0xc0000080, 0x3a, 0x179, 0x17a, 0x17b, 0x4d0, 0x4b564d05 -> true;
      // x2APIC registers that the processor does not virtualise.
      case 0x802, 0x803, 0x80d, 0x80f, 0x828, 0x82f, 0x830, 0x832 -> true;
      case 0x833, 0x834, 0x835, 0x836, 0x837, 0x838, 0x839, 0x83e -> true;
      default -> false;
    };
  }
}
