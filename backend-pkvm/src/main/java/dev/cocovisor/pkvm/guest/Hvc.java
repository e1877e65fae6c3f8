package dev.cocovisor.pkvm.guest;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.GuestAction;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A hypercall by a guest: SMCCC function and three arguments.
 *
 * <p>Source: {@code Documentation/virt/kvm/arm/hypercalls.rst}.
 *
 * @param fn function id
 * @param a0 x1
 * @param a1 x2
 * @param a2 x3
 */
public record Hvc(long fn, long a0, long a1, long a2) {
  /** The action's name in logs, after {@code guest_}. */
  public static final String NAME = "hvc";

  /** Bitmap of the vendor hypervisor's functions. */
  public static final long FEATURES = 0x8600_0000L;

  /** Granule of sharing, in bytes. */
  public static final long HYP_MEMINFO = 0xC600_0002L;

  /** Lets the host into the page at x1. */
  public static final long MEM_SHARE = 0xC600_0003L;

  /** Takes the page at x1 back. */
  public static final long MEM_UNSHARE = 0xC600_0004L;

  /** Reads an action; null if it is no hypercall. Arguments that are left out are 0. */
  public static @Nullable Hvc of(GuestAction.Vendor action) {
    if (!action.name().equals(NAME)) {
      return null;
    }
    List<Object> args = action.fields().list("args");
    return new Hvc(
        action.fields().number("fn"), argument(args, 0), argument(args, 1), argument(args, 2));
  }

  private static long argument(List<Object> args, int i) {
    if (i >= args.size()) {
      return 0;
    }
    if (args.get(i) instanceof Long n) {
      return n;
    }
    throw new IllegalArgumentException("argument " + i + " of hvc is no number: " + args.get(i));
  }

  /** Returns the action that makes this call. */
  public GuestAction.Vendor action() {
    return new GuestAction.Vendor(
        NAME, new Fields().put("fn", fn).putAny("args", List.<Object>of(a0, a1, a2)));
  }
}
