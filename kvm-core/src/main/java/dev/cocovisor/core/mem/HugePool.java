package dev.cocovisor.core.mem;

import java.util.concurrent.atomic.AtomicLong;

/**
 * The pages of 2 MiB that are set aside for hugetlb memory: how many there are, how many are in
 * use, and how many are promised to mappings that have not touched theirs yet. A mapping that
 * cannot be promised its pages is refused, a fault without a promise may find none left. Source
 * (Linux 7.3): {@code mm/hugetlb.c}, hugetlb_acct_memory, gather_surplus_pages and
 * dequeue_hugetlb_folio_vma; there are no surplus pages.
 *
 * <p>Thread-safe.
 */
public final class HugePool {
  /** Pages in use in the upper half, promised ones in the lower. */
  private final AtomicLong counts = new AtomicLong();

  private static final int SHIFT = 32;
  private static final long PROMISED = (1L << SHIFT) - 1;

  private final long total;

  /** Creates a pool of {@code total} pages, below 2^31. */
  public HugePool(long total) {
    this.total = total;
  }

  private static long used(long w) {
    return w >>> SHIFT;
  }

  private static long promised(long w) {
    return w & PROMISED;
  }

  private boolean change(long used, long promised, boolean spare) {
    long w;
    long now;
    do {
      w = counts.get();
      long u = used(w) + used;
      long p = promised(w) + promised;
      if (spare && u + p > total) {
        return false;
      }
      now = u << SHIFT | p;
    } while (!counts.compareAndSet(w, now));
    return true;
  }

  /** Promises pages to a mapping; false if there are not so many. */
  public boolean promise(long pages) {
    return pages <= total && change(0, pages, true);
  }

  /** Takes promises back that were not used. */
  public void release(long pages) {
    var _ = change(0, -pages, false);
  }

  /** Takes a page, one that was promised or one that is to spare; false if there is none. */
  boolean take(boolean promised) {
    return promised ? change(1, -1, false) : change(1, 0, true);
  }

  /** Gives a page back; {@code again}: and promises it again to who had it. */
  void give(boolean again) {
    var _ = change(-1, again ? 1 : 0, false);
  }

  /** Returns how many pages are in use. */
  public long used() {
    return used(counts.get());
  }

  /** Returns how many pages are promised and not in use. */
  public long promised() {
    return promised(counts.get());
  }
}
