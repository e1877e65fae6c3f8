package dev.cocovisor.core.mm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.core.mem.UserFrames;
import java.util.BitSet;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * A folio of 2 MiB that is made into small ones, as advice about a part of it does: its pages are
 * taken out of every place where they are mapped, of which the notifiers hear, and mapped again one
 * by one. Source (Linux 7.3): {@code mm/huge_memory.c}, __folio_split and unmap_folio; {@code
 * mm/rmap.c}, try_to_migrate_one.
 */
final class FolioSplit {
  private static final long BLOCK = 1L << 21;
  private static final int PAGES = 512;

  private final AddressSpace space;
  private final UserTables tables;
  private final UserFrames frames;

  FolioSplit(AddressSpace space) {
    this.space = space;
    this.tables = space.tables();
    this.frames = space.frames();
  }

  /** Splits the folio that a page of anonymous memory belongs to, unless others use it as well. */
  void split(long pfn) {
    long head = frames.head(pfn);
    if (!frames.isHuge(pfn) || frames.isHugeZero(pfn) || frames.isPinned(pfn)) {
      return;
    }
    var used = new BitSet(PAGES);
    Set<Long> bases = new LinkedHashSet<>();
    int found = find(head, used, bases);
    if (found != frames.references(head)) {
      return; // mapped by others too, or held by a file
    }
    for (long base : bases) {
      tell(base);
    }
    for (long base : bases) {
      long pmd = tables.pmd(base >>> 21);
      if ((base & (BLOCK - 1)) == 0 && UserTables.isLeaf(pmd) && UserTables.pfn(pmd) == head) {
        tables.split(base >>> 21, pmd & ~UserTables.HUGE, 1L << UserTables.PFN_SHIFT);
        used.set(0, PAGES);
      }
    }
    frames.split(head, p -> used.get((int) (p - head)));
  }

  /** Finds who maps pages of a folio; {@code bases} takes where its first page would be. */
  private int find(long head, BitSet used, Set<Long> bases) {
    int found = 0;
    for (long b = tables.nextBlock(0, Long.MAX_VALUE);
        b >= 0;
        b = tables.nextBlock(b + 1, Long.MAX_VALUE)) {
      long pmd = tables.pmd(b);
      if (UserTables.isLeaf(pmd)) {
        if (UserTables.pfn(pmd) == head) {
          found++;
          bases.add(b << 21);
        }
        continue;
      }
      long end = (b + 1) << 9;
      for (long p = tables.nextSmall(b << 9, end);
          p >= 0 && p < end;
          p = tables.nextSmall(p + 1, end)) {
        long e = tables.pte(p);
        long in = UserTables.pfn(e) - head;
        if ((e & UserTables.PRESENT) != 0 && in >= 0 && in < PAGES) {
          found++;
          used.set((int) in);
          bases.add((p - in) << PageLevel.PAGE_SHIFT);
        }
      }
    }
    return found;
  }

  /** The folio's addresses are told as far as mappings have them. */
  private void tell(long base) {
    for (Vma v : space.vmas().overlapping(base, base + BLOCK)) {
      long from = Math.max(base, v.start());
      long to = Math.min(base + BLOCK, v.end());
      space.start(from, to);
      space.end(from, to);
    }
  }
}
