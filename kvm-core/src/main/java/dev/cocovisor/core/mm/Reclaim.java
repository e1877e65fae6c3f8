package dev.cocovisor.core.mm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;

/**
 * Advice about memory that is not needed soon: MADV_FREE, MADV_COLD and MADV_PAGEOUT, on a host
 * without swap. What of it can be seen is the folios of 2 MiB that are split, because only a part
 * is meant or because there is no swap for them as a whole, and the mappings of a file's pages that
 * MADV_PAGEOUT takes away.
 *
 * <p>Source (Linux 7.3): {@code mm/madvise.c}, madvise_free_single_vma, madvise_free_pte_range and
 * madvise_cold_or_pageout_pte_range; {@code mm/vmscan.c}, shrink_folio_list. Left out: pages that
 * were freed and not stored to since are not dropped by MADV_PAGEOUT, nor are a file's pages that
 * were only read.
 */
final class Reclaim {
  private static final long BLOCK = 1L << 21;

  private final AddressSpace space;
  private final UserTables tables;

  Reclaim(AddressSpace space) {
    this.space = space;
    this.tables = space.tables();
  }

  /**
   * MADV_FREE: pages may go when memory is short, which a host with memory enough never is; KVM's
   * translations go at once.
   */
  Errno free(Vma v, long from, long to) {
    if (!v.isAnonymous()) {
      return Errno.EINVAL;
    }
    space.start(from, to);
    splitParts(from, to);
    space.end(from, to);
    return Errno.OK;
  }

  /** MADV_COLD. */
  Errno cold(Vma v, long from, long to) {
    if (v.has(Vma.LOCKED) || v.has(Vma.PFNMAP) || v.isHugetlb()) {
      return Errno.EINVAL;
    }
    splitParts(from, to);
    return Errno.OK;
  }

  /** MADV_PAGEOUT. */
  Errno pageOut(Vma v, long from, long to) {
    Errno r = cold(v, from, to);
    if (!r.ok()) {
      return r;
    }
    for (long b = tables.nextBlock(from >>> 21, ((to - 1) >>> 21) + 1);
        b >= 0 && b << 21 < to;
        b = tables.nextBlock(b + 1, ((to - 1) >>> 21) + 1)) {
      long pmd = tables.pmd(b);
      if (UserTables.isLeaf(pmd)) {
        if ((pmd & UserTables.ANON) != 0) {
          new FolioSplit(space).split(UserTables.pfn(pmd));
        }
        continue;
      }
      long last = Math.min(to, (b + 1) << 21) >>> PageLevel.PAGE_SHIFT;
      for (long p = tables.nextSmall(Math.max(from, b << 21) >>> PageLevel.PAGE_SHIFT, last);
          p >= 0 && p < last;
          p = tables.nextSmall(p + 1, last)) {
        unmapFilePage(v, p);
      }
    }
    return Errno.OK;
  }

  /** A page of tmpfs that nobody else maps leaves the page tables and stays in its file. */
  private void unmapFilePage(Vma v, long page) {
    long e = tables.pte(page);
    MappableFile f = v.file();
    boolean mine =
        (e & (UserTables.PRESENT | UserTables.COUNTED | UserTables.ANON))
            == (UserTables.PRESENT | UserTables.COUNTED);
    if (f == null || !f.isShmem() || !mine || space.frames().references(UserTables.pfn(e)) != 2) {
      return;
    }
    space.start(page << PageLevel.PAGE_SHIFT, (page + 1) << PageLevel.PAGE_SHIFT);
    if (tables.replacePte(page, e, 0)) {
      space.release(e);
    }
    space.end(page << PageLevel.PAGE_SHIFT, (page + 1) << PageLevel.PAGE_SHIFT);
  }

  /** Splits the folios of 2 MiB of which only a part lies in a range. */
  private void splitParts(long from, long to) {
    long page = from >>> PageLevel.PAGE_SHIFT;
    long end = to >>> PageLevel.PAGE_SHIFT;
    while (page < end) {
      long b = page >>> 9;
      long next = Math.min(end, (b + 1) << 9);
      long pmd = tables.pmd(b);
      if (UserTables.isLeaf(pmd)) {
        if ((pmd & UserTables.ANON) != 0 && next - page < 512) {
          new FolioSplit(space).split(UserTables.pfn(pmd));
        }
      } else if (pmd != 0) {
        splitSmall(page, next);
      }
      page = next;
    }
  }

  private void splitSmall(long from, long end) {
    long p = from;
    while ((p = tables.nextSmall(p, end)) >= 0 && p < end) {
      long e = tables.pte(p);
      boolean large = (e & UserTables.ANON) != 0 && space.frames().isHuge(UserTables.pfn(e));
      int run = large ? run(p, end, e) : 1;
      if (large && run < 512) {
        new FolioSplit(space).split(UserTables.pfn(e));
      }
      p += run;
    }
  }

  /** How many pages of one folio follow each other (madvise_folio_pte_batch). */
  private int run(long from, long end, long first) {
    long head = space.frames().head(UserTables.pfn(first));
    int n = 1;
    while (from + n < end) {
      long e = tables.pte(from + n);
      boolean next =
          (e & UserTables.PRESENT) != 0
              && UserTables.pfn(e) == UserTables.pfn(first) + n
              && UserTables.pfn(e) < head + BLOCK / 4096;
      if (!next) {
        break;
      }
      n++;
    }
    return n;
  }
}
