package dev.cocovisor.cca.guest;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.cca.rmm.RsiCall;
import java.util.ArrayList;
import java.util.List;

/** Guest actions that are calls of a realm: {@code guest_rsi(vcpu, {fn=…, args={…}})} in a log. */
public final class Rsi {
  /** RIPAS of memory the realm does not use. */
  public static final long EMPTY = 0;

  /** RIPAS of the realm's memory. */
  public static final long RAM = 1;

  /** IPA_STATE_SET flag: memory whose content was lost may change too. */
  public static final long CHANGE_DESTROYED = 1;

  private Rsi() {}

  /** Makes a call with arguments x1 on. */
  public static GuestAction call(RsiCall call, long... arguments) {
    return action(call.name(), arguments);
  }

  /** Enters and reads x0 to x2: the answer to a call that the host had to handle. */
  public static GuestAction result() {
    return action("RESULT");
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
}
