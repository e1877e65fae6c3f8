package dev.cocovisor.api.trusted;

import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * A failure that a run plans for a trusted half, in words every technology understands.
 *
 * @param at the kind of call that fails; null where {@code call} names one
 * @param call the firmware's or hypervisor's own name of the call that fails ({@code
 *     TDH.MEM.PAGE.ADD}); null where {@code at} says the kind
 * @param how the way it fails
 * @param times how many calls fail before the operation works again, from 1
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record TrustedFault(
    @Nullable TrustedOperation at, @Nullable String call, How how, int times) {
  /**
   * Ways to fail.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  public enum How {
    /** Somebody else works on the same entry or page; passes. */
    BUSY,
    /** An interrupt of the host came in between; the call is to be made again. */
    INTERRUPTED,
    /** The trusted half says no, for good. */
    REFUSED
  }

  /** Checks that one kind or one call is named, and the number. */
  public TrustedFault {
    if ((at == null) == (call == null)) {
      throw new IllegalArgumentException("either a kind of call or a call's name is planned");
    }
    if (times < 1) {
      throw new IllegalArgumentException("times is at least 1");
    }
  }

  /** Plans a failure of every call of a kind. */
  public static TrustedFault at(TrustedOperation at, How how, int times) {
    return new TrustedFault(at, null, how, times);
  }

  /** Plans a failure of one call by its name. */
  public static TrustedFault ofCall(String call, How how, int times) {
    return new TrustedFault(null, call, how, times);
  }

  /** Tells whether a call is meant. */
  public boolean means(TrustedCall made) {
    return call == null ? made.operation() == at : made.callName().equals(call);
  }
}
