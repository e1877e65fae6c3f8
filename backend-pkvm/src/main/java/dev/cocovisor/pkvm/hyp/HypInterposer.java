package dev.cocovisor.pkvm.hyp;

/**
 * Asked before every hypercall of the host; lets a run make EL2 fail at a chosen place.
 *
 * <p>Called on the CPU that makes the call, with none of EL2's locks held; calls on different CPUs
 * may come at the same time.
 */
@FunctionalInterface
public interface HypInterposer {
  /** Lets the call be made. */
  long PROCEED = 0;

  /** Never interferes. */
  HypInterposer NONE = (_, _, _, _) -> PROCEED;

  /**
   * Returns {@link #PROCEED} to let the call be made, or the negative errno to answer without
   * making it.
   *
   * @param call what is called
   * @param a0 first argument; the others follow
   */
  long before(Hypercall call, long a0, long a1, long a2);
}
