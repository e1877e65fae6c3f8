package dev.cocovisor.core.mem;

/**
 * Pins, which keep anonymous frames alive behind their mapping's back (FOLL_LONGTERM). A frame
 * whose mapping goes while it is pinned is an orphan, freed with its last pin.
 */
final class Pins {
  private final LongRadix counts = new LongRadix();
  private final LongRadix orphans = new LongRadix();

  long pin(long pfn) {
    counts.set(pfn, counts.get(pfn) + 1);
    return pfn;
  }

  /** The mapping is gone; tells whether a pin keeps the frame. */
  boolean orphan(long pfn) {
    boolean pinned = counts.get(pfn) != 0;
    if (pinned) {
      orphans.set(pfn, 1);
    }
    return pinned;
  }

  /** Gives a pin back; tells whether the frame is to be freed now. */
  boolean unpin(long pfn) {
    long n = counts.get(pfn);
    if (n == 0) {
      throw new IllegalStateException("frame " + pfn + " is not pinned");
    }
    counts.set(pfn, n - 1);
    boolean free = n == 1 && orphans.get(pfn) != 0;
    if (free) {
      orphans.set(pfn, 0);
    }
    return free;
  }
}
