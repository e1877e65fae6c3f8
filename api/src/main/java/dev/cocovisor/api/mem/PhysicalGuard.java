package dev.cocovisor.api.mem;

import org.apiguardian.api.API;

/**
 * A platform's say in every access to physical memory: the RMP, Arm's granule protection check, a
 * hypervisor's stage 2 for the host, TDX's key ownership.
 *
 * <p>Called without locks, possibly from many threads; it must not allocate.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
@FunctionalInterface
public interface PhysicalGuard {
  /** Lets everything through. */
  PhysicalGuard NONE = (who, pfn, write) -> Verdict.ALLOW;

  /**
   * What becomes of an access.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  enum Verdict {
    /** It goes through. */
    ALLOW,
    /** It faults: RMP #PF, stage 2 abort, granule protection fault. */
    FAULT,
    /**
     * It goes through under another key than the content is kept under: a read sees bytes unrelated
     * to it, and what is written reads back unchanged under the same key only.
     */
    CIPHER,
    /** It goes through and poisons the line: the owner's next read is a machine check. */
    POISON
  }

  /**
   * Judges one access.
   *
   * @param who who touches
   * @param pfn the frame touched
   * @param write true for a write, false for a read or fetch
   */
  Verdict check(Accessor who, long pfn, boolean write);
}
