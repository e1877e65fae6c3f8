package dev.cocovisor.snp.psp;

/**
 * Asked before every firmware command; lets a run make the secure processor fail at a chosen place.
 *
 * <p>Called with the mailbox held, so an implementation needs no synchronisation of its own.
 */
@FunctionalInterface
public interface FwInterposer {
  /** Never interferes. */
  FwInterposer NONE = _ -> FwStatus.SUCCESS;

  /**
   * Returns SUCCESS to let the command run, or the status to answer without running it.
   *
   * @param command what is about to run
   */
  FwStatus before(FwCommand command);
}
