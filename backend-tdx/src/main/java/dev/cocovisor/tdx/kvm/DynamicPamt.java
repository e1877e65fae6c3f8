package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.tdx.module.call.SeamCall;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The PAMT pages of a host whose module has dynamic PAMT: two for each 2 MiB that hold a 4 KiB page
 * of a TD, given at the first such page and taken back after the last.
 *
 * <p>Control pages ask the allocator as they go. A fault must not, under its lock, so a cache is
 * filled before it; that is where it runs out of memory, and the fault is ENOMEM with nothing
 * changed. Source: "TDX: Enable Dynamic PAMT", version 6 of 2026-05-25, tdx_pamt_get, tdx_pamt_put,
 * tdx_topup_pamt_cache, tdx_alloc_control_page; for splits "RFC v5 00/45" of 2026-01-28. Not in
 * Linux 7.3.
 */
final class DynamicPamt {
  private static final int PAIR = 2;

  /** What a fault may need at most: a pair for each table on the way and one for the page. */
  private static final int FAULT = PAIR * 6;

  private final HostMemory memory;
  private final Seam seam;
  private final ModelLock lock = new ModelLock("dpamt_lock");
  private final Map<Long, Region> regions = new HashMap<>();
  private final ArrayDeque<Long> cache = new ArrayDeque<>();

  private static final class Region {
    int pages;
    long first;
    long second;

    /** Whether the pair counts as lost; once, however many pages it is lost with. */
    boolean isLost;
  }

  DynamicPamt(HostMemory memory, Seam seam) {
    this.memory = memory;
    this.seam = seam;
  }

  /** Fills the cache before a fault; ENOMEM where there is no memory. */
  Errno topUp() {
    lock.lock();
    try {
      while (cache.size() < FAULT) {
        long pfn = memory.allocate(0);
        if (pfn == HostMemory.NO_FRAME) {
          return Errno.ENOMEM;
        }
        cache.push(pfn);
      }
      return Errno.OK;
    } finally {
      lock.unlock();
    }
  }

  /** A 4 KiB page is about to become a TD's: its 2 MiB get their pair (tdx_pamt_get). */
  Errno get(long pfn) {
    lock.lock();
    try {
      Region known = regions.get(mega(pfn));
      if (known != null) {
        known.pages++;
        return Errno.OK;
      }
      Region made = pair();
      if (made == null) {
        return Errno.ENOMEM;
      }
      long s =
          seam.call(
              SeamCall.PHYMEM_PAMT_ADD,
              mega(pfn) << 21 | 1,
              made.first << PageLevel.PAGE_SHIFT,
              made.second << PageLevel.PAGE_SHIFT,
              0);
      if (s != 0) {
        giveBack(made);
        return Errno.EIO;
      }
      made.pages = 1;
      regions.put(mega(pfn), made);
      return Errno.OK;
    } finally {
      lock.unlock();
    }
  }

  /** A 4 KiB page is no TD's any more; after the last one the pair comes back (tdx_pamt_put). */
  void put(long pfn) {
    lock.lock();
    try {
      Region known = regions.get(mega(pfn));
      if (known == null || --known.pages > 0) {
        return;
      }
      if (seam.call(SeamCall.PHYMEM_PAMT_REMOVE, mega(pfn) << 21 | 1, 0, 0, 0) != 0) {
        // Loudly a bug, and the pages are lost; whoever comes next finds the entries there.
        known.pages = 1;
        return;
      }
      regions.remove(mega(pfn));
      giveBack(known);
    } finally {
      lock.unlock();
    }
  }

  /** A 4 KiB page stays the module's for good, and with it the pair of its 2 MiB, which is told. */
  void lost(long pfn, LongConsumer told) {
    lock.lock();
    try {
      Region known = regions.get(mega(pfn));
      if (known != null && !known.isLost) {
        known.isLost = true;
        told.accept(known.first);
        told.accept(known.second);
      }
    } finally {
      lock.unlock();
    }
  }

  /** What a split does with the pair it is given. */
  interface Split {
    /** Makes the call; returns its status. */
    long with(long first, long second);
  }

  /**
   * Splits 2 MiB that are a TD's, whose entries of 4 KiB need a pair.
   *
   * @return ENOMEM where there is none; else OK, and the status is in {@code status[0]}
   */
  Errno split(long pfn, Split call, long[] status) {
    lock.lock();
    try {
      Region made = pair();
      if (made == null) {
        return Errno.ENOMEM;
      }
      status[0] =
          call.with(made.first << PageLevel.PAGE_SHIFT, made.second << PageLevel.PAGE_SHIFT);
      if (status[0] != 0) {
        giveBack(made);
        return Errno.OK;
      }
      made.pages = (int) PageLevel.PG_2M.pages();
      regions.put(mega(pfn), made);
      return Errno.OK;
    } finally {
      lock.unlock();
    }
  }

  /** Returns how many pages the PAMT has now, those in the cache included. */
  long pages() {
    return (long) PAIR * regions.size() + cache.size();
  }

  /** Empties the cache, when the last TD is gone. */
  void drop() {
    lock.lock();
    while (!cache.isEmpty()) {
      memory.free(cache.pop(), 0);
    }
    lock.unlock();
  }

  private static long mega(long pfn) {
    return pfn >>> 9;
  }

  private @Nullable Region pair() {
    Region r = new Region();
    r.first = page();
    r.second = r.first == HostMemory.NO_FRAME ? HostMemory.NO_FRAME : page();
    if (r.second != HostMemory.NO_FRAME) {
      return r;
    }
    if (r.first != HostMemory.NO_FRAME) {
      memory.free(r.first, 0);
    }
    return null;
  }

  private long page() {
    return cache.isEmpty() ? memory.allocate(0) : cache.pop();
  }

  private void giveBack(Region r) {
    memory.free(r.first, 0);
    memory.free(r.second, 0);
  }
}
