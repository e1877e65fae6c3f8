package dev.cocovisor.core.mm;

import dev.cocovisor.core.mem.LongRadix;

/**
 * A process's page tables: small entries, 2 MiB leaves, and which tables exist.
 *
 * <p>That a table exists matters by itself: under one no huge page is faulted in, and a cut of a
 * mapping makes the notifiers drop the block around it once there is a table of the gigabyte it
 * lies in (mm_find_pmd), huge page or not.
 *
 * <p>An entry is {@code pfn << 8} and bits; it always names the 4 KiB frame of the page asked for,
 * so that a huge leaf reads like 512 small ones. Walks never allocate and need no lock; changes are
 * compared and swapped.
 */
final class UserTables {
  /** Entry bit: translates. */
  static final long PRESENT = 1;

  /** Entry bit: stores go through without a fault. */
  static final long WRITABLE = 1 << 1;

  /** Entry bit: a 2 MiB leaf. */
  static final long HUGE = 1 << 2;

  /** Entry bit: the mapping holds a reference of the frame. */
  static final long COUNTED = 1 << 3;

  /** An entry that says no page is ever to be here (MADV_GUARD_INSTALL). */
  static final long GUARD = 1 << 4;

  /** Entry bit: the frame is anonymous memory, not a file's page. */
  static final long ANON = 1 << 5;

  /** Entry bit: a fork has shared the page; who stores first copies it (not PageAnonExclusive). */
  static final long FORKED = 1 << 6;

  /** Entry bit: a store is user space's to serve (userfaultfd's write protection). */
  static final long GUARDED_WRITES = 1 << 7;

  static final int PFN_SHIFT = 8;

  /** The value of a middle entry under which there is a table of small entries. */
  static final long TABLE = HUGE;

  private static final long BLOCK = 512;

  private final LongRadix small = new LongRadix();
  private final LongRadix middle = new LongRadix();
  private final LongRadix upper = new LongRadix();

  static long entry(long pfn, long bits) {
    return pfn << PFN_SHIFT | PRESENT | bits;
  }

  static long pfn(long entry) {
    return entry >>> PFN_SHIFT;
  }

  static boolean isLeaf(long pmd) {
    return (pmd & PRESENT) != 0;
  }

  /** Returns the entry of a page, 0 for none. */
  long walk(long page) {
    long pmd = middle.get(page >>> 9);
    if (pmd == 0) {
      return 0;
    }
    return isLeaf(pmd) ? pmd + ((page & 511) << PFN_SHIFT) : small.get(page);
  }

  long pmd(long block) {
    return middle.get(block);
  }

  boolean replacePmd(long block, long expected, long now) {
    if (expected == 0) {
      upper.set(block >>> 9, 1);
    }
    return middle.compareAndSet(block, expected, now);
  }

  long pte(long page) {
    return small.get(page);
  }

  /** Replaces a small entry; its table is there. */
  boolean replacePte(long page, long expected, long now) {
    return small.compareAndSet(page, expected, now);
  }

  /** Makes sure that a table of small entries is there; false under a huge leaf. */
  boolean table(long block) {
    long pmd = middle.get(block);
    return pmd == TABLE || (pmd == 0 && replacePmd(block, 0, TABLE)) || middle.get(block) == TABLE;
  }

  /**
   * Puts a table of 512 small entries in a leaf's place (__split_huge_pmd_locked).
   *
   * @param first the first entry
   * @param step what each further one adds
   */
  void split(long block, long first, long step) {
    for (long i = 0; i < BLOCK; i++) {
      small.set((block << 9) + i, first + i * step);
    }
    middle.set(block, TABLE);
  }

  /** Moves the small entries of [from, end) to {@code target}, under a table that is there. */
  void moveSmall(long from, long end, long target) {
    for (long p = small.next(from, end); p >= 0 && p < end; p = small.next(p + 1, end)) {
      long e = small.get(p);
      if (small.compareAndSet(p, e, 0)) {
        var _ = small.compareAndSet(target + (p - from), 0, e);
      }
    }
  }

  /** Moves the table of a block to one that has none (move_normal_pmd). */
  void moveTable(long block, long target) {
    var _ = replacePmd(target, 0, TABLE);
    moveSmall(block << 9, (block + 1) << 9, target << 9);
    middle.set(block, 0);
  }

  /**
   * Moves the table of the gigabyte around a page to one that has none (move_normal_pud).
   *
   * @return false if there is one already
   */
  boolean moveUpper(long page, long target) {
    if (upper.get(target >>> 18) != 0) {
      return false;
    }
    long first = page >>> 18 << 9;
    long to = target >>> 18 << 9;
    for (long b = middle.next(first, first + 512);
        b >= 0 && b < first + 512;
        b = middle.next(b + 1, first + 512)) {
      long pmd = middle.get(b);
      if (isLeaf(pmd)) {
        middle.set(b, 0);
        var _ = replacePmd(to + (b - first), 0, pmd);
      } else {
        moveTable(b, to + (b - first));
      }
    }
    upper.set(target >>> 18, 1);
    upper.set(page >>> 18, 0);
    return true;
  }

  /** Tells whether there is a table of the gigabyte around a page (mm_find_pmd finds an entry). */
  boolean hasUpper(long page) {
    return upper.get(page >>> 18) != 0;
  }

  /** Returns the next page in [from, end) that has a small entry, or -1. */
  long nextSmall(long from, long end) {
    return small.next(from, end);
  }

  /** Returns the next block in [from, end) that has a leaf or a table, or -1. */
  long nextBlock(long from, long end) {
    return middle.next(from, end);
  }

  /**
   * Frees the tables that only [from, to) can have used: what lies between the mapping before and
   * the one behind (free_pgtables). Pages are gone by then.
   */
  void freeTables(long from, long to) {
    freeWhole(middle, (from + 511) >>> 9, to >>> 9);
    freeWhole(upper, (from + (1 << 18) - 1) >>> 18, to >>> 18);
  }

  private static void freeWhole(LongRadix level, long from, long to) {
    for (long i = level.next(from, to); i >= 0 && i < to; i = level.next(i + 1, to)) {
      level.set(i, 0);
    }
  }

  /** Gives the table of one block back if it holds nothing (CONFIG_PT_RECLAIM). */
  void reclaim(long block) {
    if (middle.get(block) == TABLE && small.next(block << 9, (block + 1) << 9) < 0) {
      middle.set(block, 0);
    }
  }
}
