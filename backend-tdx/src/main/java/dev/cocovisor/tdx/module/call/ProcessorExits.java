package dev.cocovisor.tdx.module.call;

import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.td.Td;
import dev.cocovisor.tdx.module.td.Tdvps;

/**
 * VM exits that the processor makes by itself, as far as the module passes them to the host: an
 * asynchronous TD exit whose status says what can still run, with the VMX exit reason in its lower
 * half.
 *
 * <p>A triple fault ends the vCPU. A notification whose context is not valid, a machine check that
 * came as an SMI or as an exception end the TD. Source: TDX module 1.5.01, {@code
 * src/td_dispatcher/tdx_td_dispatcher.c}, tdx_td_dispatcher; {@code vm_exits/td_other_exits.c},
 * td_ept_misconfiguration_exit; {@code src/td_transitions/td_exit.c}, async_tdexit_internal.
 */
final class ProcessorExits {
  static final int EXCEPTION_OR_NMI = 0;
  static final int TRIPLE_FAULT = 2;
  static final int SMI = 6;
  static final int NOTIFICATION = 75;

  private static final long REASON = 0xffff;
  private static final long LOWER = 0xffff_ffffL;
  private static final long CONTEXT_INVALID = 1;
  private static final long MACHINE_CHECK_SMI = 1;
  private static final long VECTOR = 0xff;
  private static final long MACHINE_CHECK = 18;

  private ProcessorExits() {}

  /**
   * Leaves the guest.
   *
   * @param reason the 32 bits of the VMX exit reason
   * @param qualification the exit qualification, which becomes RCX
   * @param interruption the interruption information, which becomes R9
   */
  static void exit(
      GuestEntry entry, Processor lp, long reason, long qualification, long interruption) {
    Tdvps v = lp.guest();
    Td td = v.td();
    SeamStatus status = status((int) (reason & REASON), qualification, interruption);
    entry.exit(lp, status.code() | (reason & LOWER), qualification, 0, 0);
    lp.exit.r9 = interruption;
    if (status == SeamStatus.NON_RECOVERABLE_VCPU) {
      v.state = Tdvps.DISABLED;
    } else if (status != SeamStatus.SUCCESS) {
      td.markFatal();
    }
  }

  private static SeamStatus status(int reason, long qualification, long interruption) {
    return switch (reason) {
      case TRIPLE_FAULT -> SeamStatus.NON_RECOVERABLE_VCPU;
      case NOTIFICATION ->
          (qualification & CONTEXT_INVALID) != 0
              ? SeamStatus.NON_RECOVERABLE_TD
              : SeamStatus.SUCCESS;
      case SMI ->
          (qualification & MACHINE_CHECK_SMI) != 0
              ? SeamStatus.NON_RECOVERABLE_TD_NON_ACCESSIBLE
              : SeamStatus.SUCCESS;
      case EXCEPTION_OR_NMI ->
          (interruption & VECTOR) == MACHINE_CHECK
              ? SeamStatus.NON_RECOVERABLE_TD_NON_ACCESSIBLE
              : SeamStatus.SUCCESS;
      default -> SeamStatus.SUCCESS;
    };
  }
}
