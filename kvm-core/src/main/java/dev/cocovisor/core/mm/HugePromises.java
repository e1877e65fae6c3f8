package dev.cocovisor.core.mm;

import dev.cocovisor.core.mem.HugePool;
import dev.cocovisor.core.mem.LongRadix;

/**
 * Which pages of 2 MiB are promised to a mapping, or to a file, and which it has had: by block of
 * addresses for a process's private hugetlb memory, by page for a file of hugetlbfs. Source (Linux
 * 7.3): {@code mm/hugetlb.c}, hugetlb_reserve_pages, hugetlb_unreserve_pages and the region maps
 * (region_chg, region_del).
 */
final class HugePromises {
  private static final long PROMISED = 1;
  private static final long HAD = 2;

  private final HugePool pool;
  private final LongRadix states = new LongRadix();

  HugePromises(HugePool pool) {
    this.pool = pool;
  }

  /** Promises what of [from, to) was neither promised nor had; false if the pool cannot. */
  boolean promise(long from, long to) {
    long known = 0;
    for (long i = states.next(from, to); i >= 0 && i < to; i = states.next(i + 1, to)) {
      known++;
    }
    if (!pool.promise(to - from - known)) {
      return false;
    }
    for (long i = from; known < to - from && i < to; i++) {
      if (states.get(i) == 0) {
        states.set(i, PROMISED);
      }
    }
    return true;
  }

  /** Tells whether a page is promised. */
  boolean has(long index) {
    return states.get(index) == PROMISED;
  }

  /** A page was taken. */
  void had(long index) {
    states.set(index, HAD);
  }

  /** One page's promise is over: a hole was punched where it was. */
  void forget(long index) {
    states.set(index, 0);
  }

  /** All of [from, to) goes; promises that were not used come back. */
  void drop(long from, long to) {
    for (long i = states.next(from, to); i >= 0 && i < to; i = states.next(i + 1, to)) {
      if (states.get(i) == PROMISED) {
        pool.release(1);
      }
      states.set(i, 0);
    }
  }

  /** Promises go with memory that moves. */
  void move(long from, long to, long target) {
    for (long i = states.next(from, to); i >= 0 && i < to; i = states.next(i + 1, to)) {
      states.set(target + (i - from), states.get(i));
      states.set(i, 0);
    }
  }
}
