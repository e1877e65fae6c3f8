package dev.cocovisor.core.mm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.mem.HostMemory;

/**
 * madvise(MADV_COLLAPSE): small pages of a block become one huge page. Source (Linux 7.3): {@code
 * mm/khugepaged.c}, madvise_collapse, collapse_scan_pmd and collapse_huge_page.
 */
final class Collapse {
  private static final long BLOCK = 1L << 21;

  private final AddressSpace space;

  Collapse(AddressSpace space) {
    this.space = space;
  }

  /** Collapses every whole block of [from, to) of a mapping. */
  Errno collapse(Vma v, long from, long to) {
    if (!possible(v)) {
      return Errno.EINVAL;
    }
    long first = (from + BLOCK - 1) >>> 21;
    long end = to >>> 21;
    if (first > end && space.limits().refusesPartialCollapse()) {
      return Errno.EINVAL;
    }
    Errno failed = Errno.OK;
    for (long b = first; b < end; b++) {
      boolean untouched = v.isAnonymous() && space.tables().pmd(b) == 0;
      Errno r =
          untouched
              ? Errno.EINVAL
              : v.isAnonymous() ? block(v, b) : new FileCollapse(space).block(v, b);
      // Where there is no table, or a page is pinned, the next block is tried all the same.
      if (!r.ok() && !untouched && r != Errno.EAGAIN) {
        return r;
      }
      failed = r.ok() ? failed : r;
    }
    return failed;
  }

  private static boolean possible(Vma v) {
    boolean fits = ((v.end() & -BLOCK) - BLOCK) >= v.start();
    boolean mine = v.isAnonymous() ? v.anonVma != 0 : FileCollapse.possible(v);
    return fits && !v.has(Vma.NOHUGEPAGE) && !v.has(Vma.PFNMAP) && mine;
  }

  private Errno block(Vma v, long b) {
    UserTables t = space.tables();
    long pmd = t.pmd(b);
    if (UserTables.isLeaf(pmd)) {
      return Errno.OK;
    }
    for (long p = b << 9; p < (b + 1) << 9; p++) {
      long e = t.pte(p);
      if (e == UserTables.GUARD || (e & UserTables.GUARDED_WRITES) != 0) {
        return Errno.EINVAL;
      }
      if ((e & UserTables.COUNTED) != 0 && space.frames().isPinned(UserTables.pfn(e))) {
        return Errno.EAGAIN;
      }
    }
    long pfn = space.frames().allocate(9, space.policies().at(b << 9));
    if (pfn == HostMemory.NO_FRAME) {
      return Errno.ENOMEM;
    }
    space.start(b << 21, (b + 1) << 21);
    for (long i = 0; i < 512; i++) {
      long e = t.pte((b << 9) + i);
      if ((e & UserTables.PRESENT) != 0) {
        if (UserTables.pfn(e) != space.memory().zeroPage()) {
          space.memory().raw().copyFrame(pfn + i, UserTables.pfn(e));
        }
        var _ = t.replacePte((b << 9) + i, e, 0);
        space.release(e);
      }
    }
    long write = v.has(Vma.WRITE) ? Faults.OWN : Faults.OWN & ~UserTables.WRITABLE;
    var _ = t.replacePmd(b, UserTables.TABLE, UserTables.entry(pfn, UserTables.HUGE | write));
    space.end(b << 21, (b + 1) << 21);
    return Errno.OK;
  }
}
