package dev.cocovisor.api.trusted;

import org.apiguardian.api.API;

/**
 * Asked before every call into a trusted half; lets a run make the call fail, or be busy, at a
 * chosen place. One type for every technology; a host has one ({@link
 * dev.cocovisor.api.HostMachine#interposer}).
 *
 * <p>Called on the processor that makes the call, with none of the trusted half's locks held; calls
 * on different processors may come at the same time. It must not allocate if the calls are to be
 * counted on to allocate nothing.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
@FunctionalInterface
public interface Interposer {
  /** Lets the call be made. */
  long PROCEED = 0;

  /** Never interferes. */
  Interposer NONE = (_, _, _, _, _) -> PROCEED;

  /**
   * Returns {@link #PROCEED} to let the call be made, or what it answers without being made: the
   * technology's own status, result or negative errno.
   *
   * @param call what is called
   * @param a0 first operand; 0 where the call has none
   * @param a1 second operand
   * @param a2 third operand
   * @param a3 fourth operand
   */
  long before(TrustedCall call, long a0, long a1, long a2, long a3);

  /** Returns an interposer that asks this one first, then {@code next}. */
  default Interposer then(Interposer next) {
    return next == NONE
        ? this
        : (call, a0, a1, a2, a3) -> {
          long answer = before(call, a0, a1, a2, a3);
          return answer != PROCEED ? answer : next.before(call, a0, a1, a2, a3);
        };
  }
}
