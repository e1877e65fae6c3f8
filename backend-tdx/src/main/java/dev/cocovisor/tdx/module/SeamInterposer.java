package dev.cocovisor.tdx.module;

/**
 * Asked before every SEAMCALL; lets a run make the module fail, or be busy, at a chosen place.
 *
 * <p>Called on the processor that makes the call, with none of the module's locks held; calls on
 * different processors may come at the same time. It must not allocate if the calls are to be
 * counted on to allocate nothing.
 */
@FunctionalInterface
public interface SeamInterposer {
  /** Lets the call be made. */
  long PROCEED = 0;

  /** Never interferes. */
  SeamInterposer NONE = (_, _, _, _) -> PROCEED;

  /**
   * Returns {@link #PROCEED} to let the call be made, or the completion status to answer without
   * making it, as {@link SeamStatus} knows them.
   *
   * @param leaf what is called
   * @param rcx first operand, for calls on a page its address and level
   * @param rdx second operand, mostly the TDR
   * @param r8 third operand
   */
  long before(SeamCall leaf, long rcx, long rdx, long r8);
}
