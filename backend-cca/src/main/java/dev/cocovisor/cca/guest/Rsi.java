package dev.cocovisor.cca.guest;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.cca.rmm.run.RsiCall;
import java.util.ArrayList;
import java.util.List;

/** Guest actions that are calls of a realm: {@code guest_rsi(vcpu, {fn=…, args={…}})} in a log. */
public final class Rsi {
  /** The version of RSI that a realm asks for. */
  public static final long VERSION_1_0 = 0x10000;

  /** RIPAS of memory the realm does not use. */
  public static final long EMPTY = 0;

  /** RIPAS of the realm's memory. */
  public static final long RAM = 1;

  /** IPA_STATE_SET flag: memory whose content was lost may change too. */
  public static final long CHANGE_DESTROYED = 1;

  private static final String RESULT = "RESULT";
  private static final long SUCCESS = 0;
  private static final long REJECT = 1;

  private Rsi() {}

  /** Makes a call with arguments x1 on. */
  public static GuestAction call(RsiCall call, long... arguments) {
    return action(call.name(), arguments);
  }

  /** Enters and reads x0 to x2: the answer to a call that the host had to handle. */
  public static GuestAction result() {
    return action(RESULT);
  }

  /** Asks for a change of RIPAS. */
  public static GuestAction ipaStateSet(long base, long top, long ripas, long flags) {
    return call(RsiCall.RSI_IPA_STATE_SET, base, top, ripas, flags);
  }

  private static GuestAction action(String fn, long... arguments) {
    List<Object> args = new ArrayList<>();
    for (long a : arguments) {
      args.add(a);
    }
    Fields fields = new Fields().put("fn", fn);
    if (!args.isEmpty()) {
      fields.putAny("args", args);
    }
    return new GuestAction.Vendor("rsi", fields);
  }

  /**
   * Says what the registers after a call mean to the realm.
   *
   * @param out x0 on, as the exit shows them
   */
  public static GuestAnswer judge(GuestAction action, Fields out) {
    long x0 = out.number("x0");
    String fn = action instanceof GuestAction.Vendor v ? v.fields().text("fn", "") : "";
    if (fn.startsWith("PSCI_")) {
      int code = (int) x0;
      return code < 0 ? new GuestAnswer.Refused(code, psciName(code)) : new GuestAnswer.Done(x0);
    }
    if (x0 != SUCCESS) {
      return new GuestAnswer.Refused(x0, statusName(x0));
    }
    // The answer to IPA_STATE_SET: x2 says whether the host let the change happen.
    boolean rejected = fn.equals(RESULT) && out.number("x2", 0) == REJECT;
    return rejected
        ? new GuestAnswer.Refused(REJECT, "RSI_REJECT")
        : new GuestAnswer.Done(out.number("x1", 0));
  }

  // DEN0137, RsiCommandReturnCode.
  private static String statusName(long x0) {
    return switch ((int) x0) {
      case 1 -> "RSI_ERROR_INPUT";
      case 2 -> "RSI_ERROR_STATE";
      case 3 -> "RSI_INCOMPLETE";
      case 4 -> "RSI_ERROR_UNKNOWN";
      case -1 -> "SMCCC_NOT_SUPPORTED";
      default -> "0x" + Long.toHexString(x0);
    };
  }

  // Arm PSCI, DEN0022, return error codes.
  private static String psciName(int code) {
    return switch (code) {
      case -1 -> "PSCI_NOT_SUPPORTED";
      case -2 -> "PSCI_INVALID_PARAMETERS";
      case -3 -> "PSCI_DENIED";
      case -4 -> "PSCI_ALREADY_ON";
      case -5 -> "PSCI_ON_PENDING";
      case -6 -> "PSCI_INTERNAL_FAILURE";
      case -9 -> "PSCI_INVALID_ADDRESS";
      default -> "0x" + Integer.toHexString(code);
    };
  }
}
