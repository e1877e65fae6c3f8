package dev.cocovisor.core.gmem;

/**
 * One page of a store as a number: frame, order of the folio it is part of, and state. A large
 * folio is kept once, by its first page; what is said of its other pages is computed.
 */
public final class Folio {
  private static final long PRESENT = 1;
  static final long PREPARED = 2;

  private Folio() {}

  static long of(long pfn, int order) {
    return pfn << 8 | (long) order << 2 | PRESENT;
  }

  /** Returns the page's own frame. */
  public static long pfn(long entry) {
    return entry >>> 8;
  }

  /** Returns log2 of the pages of the folio the page is part of. */
  public static int order(long entry) {
    return (int) (entry >>> 2) & 63;
  }

  /** Tells whether the vendor half made the page private. */
  public static boolean prepared(long entry) {
    return (entry & PREPARED) != 0;
  }

  /** Returns a page of which it is said otherwise whether it was made private. */
  public static long withPrepared(long entry, boolean on) {
    return on ? entry | PREPARED : entry & ~PREPARED;
  }
}
