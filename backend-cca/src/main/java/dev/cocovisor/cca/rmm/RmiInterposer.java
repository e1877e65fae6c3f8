package dev.cocovisor.cca.rmm;

/**
 * Asked before every command of RMI 1.0; lets a run make the RMM fail at a chosen place.
 *
 * <p>Called on the PE that makes the call, with no granule locked; calls on different PEs may come
 * at the same time. It must not allocate if the calls are to be counted on to allocate nothing.
 */
@FunctionalInterface
public interface RmiInterposer {
  /** Lets the command run; no status to answer instead has this value. */
  long PROCEED = Status.SUCCESS;

  /** Never interferes. */
  RmiInterposer NONE = (_, _, _) -> PROCEED;

  /**
   * Returns {@link #PROCEED} to let the command run, or the x0 to answer without running it, as
   * {@link Status} knows them; the outputs are zero then.
   *
   * @param command what is called
   * @param x1 first argument: mostly the granule or the RD
   * @param x2 second argument, 0 where the command has none
   */
  long before(RmiCommand command, long x1, long x2);
}
