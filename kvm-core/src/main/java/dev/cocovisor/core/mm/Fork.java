package dev.cocovisor.core.mm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.core.mem.UserFrames;

/**
 * fork as a process's memory sees it: private mappings that may be written are shared until
 * somebody stores, which KVM hears of for the whole mapping; pinned pages are copied at once, so
 * that a pin keeps pointing at its owner's page. Source (Linux 7.3): {@code mm/memory.c},
 * copy_page_range, copy_present_ptes and copy_present_page; {@code mm/huge_memory.c},
 * copy_huge_pmd.
 */
public final class Fork {
  private Fork() {}

  /** Returns the child's memory. */
  public static AddressSpace of(AddressSpace parent) {
    AddressSpace child = new AddressSpace(parent.memory(), parent.limits());
    parent.lock().lock();
    // As dup_mmap does: nobody else knows the child's memory yet.
    child.lock().lock();
    try {
      for (Vma v : parent.vmas().all()) {
        if (v.has(Vma.DONTCOPY)) {
          continue;
        }
        Vma copy =
            new Vma(
                v.start(),
                v.end(),
                v.flags() & ~(Vma.LOCKED | Vma.UFFD),
                v.file(),
                v.firstPage(),
                v.anonVma);
        var _ = child.vmas().insert(copy);
        if (v.has(Vma.WIPEONFORK)) {
          continue;
        }
        // Pages of a file are found again by faults, guards are not.
        if (v.anonVma != 0 || v.isHugetlb()) {
          share(parent, child, v);
        } else {
          copyGuards(parent.tables(), child.tables(), v);
        }
      }
    } finally {
      child.unlock();
      parent.unlock();
    }
    return child;
  }

  private static void share(AddressSpace parent, AddressSpace child, Vma v) {
    boolean cow = v.copiesOnWrite();
    if (cow) {
      parent.start(v.start(), v.end());
    }
    UserTables from = parent.tables();
    long last = (v.end() - 1) >>> 21;
    for (long b = from.nextBlock(v.start() >>> 21, last + 1);
        b >= 0 && b <= last;
        b = from.nextBlock(b + 1, last + 1)) {
      long pmd = from.pmd(b);
      boolean found = (pmd & UserTables.ANON) == 0 && !v.isHugetlb();
      if (UserTables.isLeaf(pmd) && found && !parent.frames().isHugeZero(UserTables.pfn(pmd))) {
        continue; // a file's huge page, which a fault finds again
      }
      if (UserTables.isLeaf(pmd) && v.isHugetlb() && cow && pinned(parent, pmd)) {
        copyLeaf(parent, child, b, pmd);
        continue;
      }
      if (UserTables.isLeaf(pmd) && (v.isHugetlb() || !pinned(parent, pmd))) {
        shareLeaf(parent, child, b, pmd, cow);
        continue;
      }
      if (UserTables.isLeaf(pmd)) {
        parent.splitBlock(b);
      }
      long end = Math.min(v.end(), (b + 1) << 21) >>> PageLevel.PAGE_SHIFT;
      long begin = Math.max(v.start(), b << 21) >>> PageLevel.PAGE_SHIFT;
      for (long p = from.nextSmall(begin, end); p >= 0 && p < end; p = from.nextSmall(p + 1, end)) {
        sharePage(parent, child, p, cow);
      }
    }
    if (cow) {
      parent.end(v.start(), v.end());
    }
  }

  private static void copyGuards(UserTables from, UserTables to, Vma v) {
    long end = v.end() >>> PageLevel.PAGE_SHIFT;
    for (long p = from.nextSmall(v.start() >>> PageLevel.PAGE_SHIFT, end);
        p >= 0 && p < end;
        p = from.nextSmall(p + 1, end)) {
      if (from.pte(p) == UserTables.GUARD && to.table(p >>> 9)) {
        var _ = to.replacePte(p, 0, UserTables.GUARD);
      }
    }
  }

  private static boolean pinned(AddressSpace s, long e) {
    return (e & UserTables.COUNTED) != 0 && s.frames().isPinned(UserTables.pfn(e));
  }

  private static void shareLeaf(
      AddressSpace parent, AddressSpace child, long block, long pmd, boolean cow) {
    UserFrames frames = parent.frames();
    long shared = cow ? (pmd & ~UserTables.WRITABLE) | UserTables.FORKED : pmd;
    if (frames.isHugeZero(UserTables.pfn(pmd))) {
      var _ = frames.holdHugeZero();
      shared = pmd;
    } else if ((pmd & UserTables.COUNTED) != 0) {
      frames.hold(UserTables.pfn(pmd), 1);
    }
    var _ = parent.tables().replacePmd(block, pmd, shared);
    var _ = child.tables().replacePmd(block, 0, shared);
  }

  /** A pinned page of hugetlbfs is copied at once (copy_hugetlb_page_range). */
  private static void copyLeaf(AddressSpace parent, AddressSpace child, long block, long pmd) {
    long copy = parent.frames().allocateHugetlb(false, null);
    if (copy < 0) {
      return;
    }
    for (int i = 0; i < 512; i++) {
      parent.memory().raw().copyFrame(copy + i, UserTables.pfn(pmd) + i);
    }
    long bits = UserTables.HUGE | UserTables.COUNTED | UserTables.WRITABLE;
    var _ = child.tables().replacePmd(block, 0, UserTables.entry(copy, bits));
  }

  private static void sharePage(AddressSpace parent, AddressSpace child, long page, boolean cow) {
    long e = parent.tables().pte(page);
    if (!child.tables().table(page >>> 9)) {
      return;
    }
    if ((e & UserTables.PRESENT) == 0) {
      var _ = child.tables().replacePte(page, 0, e); // a guard
      return;
    }
    boolean anonymous = (e & UserTables.ANON) != 0;
    if (cow && anonymous && pinned(parent, e)) {
      long copy = parent.frames().allocate(0, null);
      // The kernel copies through its own mapping: what a guest owns is lost to it.
      boolean reached = parent.memory().reach(UserTables.pfn(e), false);
      if (copy >= 0 && reached) {
        parent.memory().raw().copyFrame(copy, UserTables.pfn(e));
        var _ = child.tables().replacePte(page, 0, UserTables.entry(copy, Faults.OWN));
      }
      return;
    }
    if ((e & UserTables.COUNTED) != 0) {
      parent.frames().hold(UserTables.pfn(e), 1);
    }
    long shared = cow && anonymous ? (e & ~UserTables.WRITABLE) | UserTables.FORKED : e;
    var _ = parent.tables().replacePte(page, e, shared);
    var _ = child.tables().replacePte(page, 0, shared);
  }
}
