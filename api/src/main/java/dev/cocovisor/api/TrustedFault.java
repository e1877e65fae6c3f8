package dev.cocovisor.api;

/**
 * A failure that a run plans for a trusted half, in words every technology understands.
 *
 * @param at the operation that fails
 * @param how the way it fails
 * @param times how many calls fail before the operation works again, from 1
 */
public record TrustedFault(Operation at, How how, int times) {
  /** What the vendor half asks its trusted half to do. */
  public enum Operation {
    /** Take a page-table page. */
    LINK,
    /** Map a guest page, or give it to the guest. */
    MAP,
    /** Take a guest page away. */
    UNMAP,
    /** Make small pages of a huge one. */
    SPLIT
  }

  /** Ways to fail that pass. */
  public enum How {
    /** Somebody else works on the same entry or page. */
    BUSY,
    /** An interrupt of the host came in between; the call is to be made again. */
    INTERRUPTED
  }

  /** Checks the number. */
  public TrustedFault {
    if (times < 1) {
      throw new IllegalArgumentException("times is at least 1");
    }
  }
}
