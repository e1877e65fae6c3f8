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
 * tdx_complete_emulated_msr; {@code x86.c}, __kvm_emulate_halt.
 */
final class TdInstructions {
  static final int CPUID = 10;
  static final int HLT = 12;
  static final int IO = 30;
  private static final int MSR_READ = 31;
  private static final int MSR_WRITE = 32;

  private static final int EXIT_IO = 2;
  private static final int EXIT_RDMSR = 29;
  private static final int EXIT_WRMSR = 30;

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
      case MSR_READ -> msr(v, TdMsrs.refusesRead(r.r12), r, false);
      case MSR_WRITE -> msr(v, TdMsrs.refusesWrite(r.r12), r, true);
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

  /**
   * What KVM refuses user space may answer, if it asked to (kvm_msr_user_space); its error is the
   * guest's (complete_fast_msr_access).
   */
  private RunResult msr(TdxVcpu v, long refusal, Registers r, boolean write) {
    if (refusal == 0 || (td.vm().userSpaceMsrs() & refusal) == 0) {
      return done(refusal == 0 ? VmcallStatus.SUCCESS : VmcallStatus.INVALID_OPERAND);
    }
    v.pending =
        error -> done((error & 0xff) == 0 ? VmcallStatus.SUCCESS : VmcallStatus.INVALID_OPERAND);
    Fields fields = new Fields().put("reason", refusal).put("index", r.r12);
    return RunResult.ok(
        write
            ? new Exit.Vendor(EXIT_WRMSR, "KVM_EXIT_X86_WRMSR", fields.put("data", r.r13))
            : new Exit.Vendor(EXIT_RDMSR, "KVM_EXIT_X86_RDMSR", fields));
  }
}
