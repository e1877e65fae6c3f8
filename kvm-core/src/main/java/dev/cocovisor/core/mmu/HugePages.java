package dev.cocovisor.core.mmu;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.core.slot.MemSlot;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * From huge leaves to tables and back.
 *
 * <p>A split keeps what the leaf allowed; a table becomes a huge leaf again only in the direct
 * root, since the mirror never merges. Sources: {@code arch/x86/kvm/mmu/tdp_mmu.c},
 * tdp_mmu_split_huge_page, kvm_tdp_mmu_try_split_huge_pages, kvm_tdp_mmu_recover_huge_pages; the
 * series "TDX huge page support for private memory" for the mirror's splits.
 */
final class HugePages {
  private static final VarHandle CUTS;

  static {
    try {
      CUTS = MethodHandles.lookup().findVarHandle(HugePages.class, "cuts", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private volatile int cuts;
  private final MmuHost host;
  private final ExternalTable external;
  private final PageCounters counters;

  HugePages(MmuHost host, ExternalTable external, PageCounters counters) {
    this.host = host;
    this.external = external;
    this.counters = counters;
  }

  /** Splits the huge leaf {@code old} that stands at a frozen entry; on error it is put back. */
  Errno splitFrozen(PageTable t, int i, long old, boolean mirror, boolean shared, int cpu) {
    long spt = -1;
    if (mirror) {
      spt = external.allocateTable(cpu);
      Errno r =
          spt < 0
              ? host.refuse(Errno.ENOMEM, "no frame for the table that splits a huge page")
              : external.split(t.gfnOf(i), t.level, Spte.pfn(old), spt, shared);
      if (!r.ok()) {
        if (spt >= 0) {
          external.giveTableBack(spt);
        }
        t.set(i, old);
        return r;
      }
    }
    int small = t.level - 1;
    PageTable table = new PageTable(small, t.gfnOf(i), spt);
    long step = PageLevel.of(small).pages();
    for (int k = 0; k < 512; k++) {
      table.fill(k, Spte.like(old, Spte.pfn(old) + k * step));
    }
    t.setChild(i, table);
    t.set(i, Spte.table(Math.max(spt, 0)));
    counters.add(t.level, -1, cpu);
    counters.add(small, 512, cpu);
    return Errno.OK;
  }

  /** Returns how often a table was cut off; who remembers one looks whether this has changed. */
  int cuts() {
    return cuts;
  }

  /**
   * Takes a cut-off table's leaves out of the counters, and freezes its entries, so that a fault
   * that is in it finds nothing it can change. Source: {@code tdp_mmu.c}, handle_removed_pt.
   */
  void forget(PageTable t, int cpu) {
    CUTS.getAndAdd(this, 1);
    for (int i = 0; i < 512; i++) {
      long e = t.freeze(i);
      if (Spte.isLeaf(e)) {
        counters.add(t.level, -1, cpu);
      } else if (Spte.isTable(e)) {
        PageTable c = t.child(i);
        if (c != null) {
          forget(c, cpu);
        }
      }
    }
  }

  /** Splits the private leaf that {@code gfn} cuts, if one does; mmu_lock is held exclusive. */
  Errno splitAcross(PageTable root, long gfn, boolean mirror) {
    return descend(root, gfn, 1, mirror, true);
  }

  /** Splits the leaf over {@code gfn} down to {@code level}; mmu_lock is held exclusive. */
  Errno splitTo(PageTable root, long gfn, int level, boolean mirror) {
    return descend(root, gfn, level, mirror, false);
  }

  /**
   * Splits on the way down to a level.
   *
   * @param cutOnly whether only private leaves are split, and only as long as {@code gfn} lies
   *     inside them
   */
  private Errno descend(PageTable root, long gfn, int level, boolean mirror, boolean cutOnly) {
    PageTable t = root;
    while (t.level > level) {
      int i = PageTable.index(gfn, t.level);
      if (cutOnly && t.gfnOf(i) == gfn) {
        return Errno.OK;
      }
      long e = t.get(i);
      if (Spte.isLeaf(e) && (!cutOnly || Spte.isPrivate(e))) {
        Errno r = splitExclusive(t, i, e, mirror);
        if (!r.ok()) {
          return r;
        }
      } else if (!Spte.isTable(e)) {
        return Errno.OK;
      }
      PageTable c = t.child(i);
      if (c == null) {
        return Errno.OK;
      }
      t = c;
    }
    return Errno.OK;
  }

  private Errno splitExclusive(PageTable t, int i, long e, boolean mirror) {
    host.mmuLock().assertExclusive();
    t.set(i, Spte.FROZEN);
    Errno r = splitFrozen(t, i, e, mirror, false, 0);
    if (r.ok()) {
      host.traceCore("split", t.gfnOf(i), t.gfnOf(i) + PageLevel.of(t.level).pages());
    }
    return r;
  }

  /** Splits all leaves of a range under a direct root to 4 KiB. */
  void splitAll(PageTable t, long start, long end) {
    if (t.level == 1) {
      return;
    }
    int last = t.lastIndex(end);
    for (int i = t.firstIndex(start); i <= last; i++) {
      long e = t.get(i);
      if (Spte.isLeaf(e) && !splitExclusive(t, i, e, false).ok()) {
        continue;
      }
      PageTable c = Spte.isTable(t.get(i)) ? t.child(i) : null;
      if (c != null) {
        splitAll(c, start, end);
      }
    }
  }

  /** Replaces tables by huge leaves where the rule allows it; tells whether any was. */
  boolean recover(PageTable t, MemSlot slot, SecondStage.LevelRule rule) {
    boolean flush = false;
    int last = t.lastIndex(slot.endGfn());
    for (int i = t.firstIndex(slot.baseGfn()); i <= last && t.level > 1; i++) {
      PageTable c = Spte.isTable(t.get(i)) ? t.child(i) : null;
      if (c == null) {
        continue;
      }
      long gfn = t.gfnOf(i);
      boolean inside = gfn >= slot.baseGfn() && gfn < slot.endGfn();
      if (t.level > 3 || !inside || rule.maxLevel(slot, gfn) < t.level) {
        flush |= recover(c, slot, rule);
        continue;
      }
      long small = firstLeaf(c);
      if (small == Spte.NONE) {
        continue;
      }
      long pfn = Spte.pfn(small) & -PageLevel.of(t.level).pages();
      forget(c, 0);
      t.set(i, Spte.like(small, pfn));
      t.setChild(i, null);
      counters.add(t.level, 1, 0);
      flush = true;
    }
    return flush;
  }

  private static long firstLeaf(PageTable t) {
    for (int i = 0; i < 512; i++) {
      long e = t.get(i);
      if (Spte.isLeaf(e)) {
        return e;
      }
      PageTable c = Spte.isTable(e) ? t.child(i) : null;
      if (c != null) {
        long found = firstLeaf(c);
        if (found != Spte.NONE) {
          return found;
        }
      }
    }
    return Spte.NONE;
  }
}
