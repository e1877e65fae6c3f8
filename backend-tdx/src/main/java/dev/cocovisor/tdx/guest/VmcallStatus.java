package dev.cocovisor.tdx.guest;

import dev.cocovisor.tdx.module.abi.SeamStatus;

/**
 * What the host answers a TDVMCALL in R10.
 *
 * <p>Source: Intel Guest-Host Communication Interface 1.5, TDG.VP.VMCALL completion statuses.
 */
public final class VmcallStatus {
  /** Done. */
  public static final long SUCCESS = 0;

  /** To be asked again. */
  public static final long RETRY = 1;

  /** An operand makes no sense, or the host does not want to. */
  public static final long INVALID_OPERAND = 0x8000000000000000L;

  /** An address or size is not aligned. */
  public static final long ALIGN_ERROR = 0x8000000000000002L;

  /** The host does not offer the function. */
  public static final long SUBFUNC_UNSUPPORTED = 0x8000000000000003L;

  private VmcallStatus() {}

  /** Returns the name of what a TDVMCALL answered; the number in hex where it has none. */
  public static String describe(long status) {
    if (status == SUCCESS) {
      return "TDVMCALL_STATUS_SUCCESS";
    } else if (status == RETRY) {
      return "TDVMCALL_STATUS_RETRY";
    } else if (status == INVALID_OPERAND) {
      return "TDVMCALL_STATUS_INVALID_OPERAND";
    } else if (status == ALIGN_ERROR) {
      return "TDVMCALL_STATUS_ALIGN_ERROR";
    } else if (status == SUBFUNC_UNSUPPORTED) {
      return "TDVMCALL_STATUS_SUBFUNC_UNSUPPORTED";
    }
    // The module itself refuses a TDVMCALL whose registers it may not pass on.
    return SeamStatus.describe(status);
  }
}
