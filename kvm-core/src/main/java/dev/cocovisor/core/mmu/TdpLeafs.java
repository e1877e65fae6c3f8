package dev.cocovisor.core.mmu;

/**
 * Sweeps over the leaves of a root: zap, write-protect, visit, walk.
 *
 * <p>What changes leaves runs under mmu_lock exclusive; {@link #walk} and {@link #accessed} take no
 * lock, as the hardware does not, nor does {@link #age}. Sources: {@code
 * arch/x86/kvm/mmu/tdp_mmu.c}, tdp_mmu_zap_leafs, wrprot_gfn_range, clear_dirty_pt_masked,
 * write_protect_gfn, __kvm_tdp_mmu_age_gfn_range.
 */
final class TdpLeafs {
  private final ExternalTable external;
  private final PageCounters counters;

  TdpLeafs(ExternalTable external, PageCounters counters) {
    this.external = external;
    this.counters = counters;
  }

  /** Takes the leaves that overlap a range away; tells whether there was one. */
  boolean zap(PageTable t, long start, long end, boolean mirror) {
    boolean flush = false;
    int last = t.lastIndex(end);
    for (int i = t.skip(t.firstIndex(start)); i <= last; i = t.skip(i + 1)) {
      long e = t.get(i);
      if (Spte.isLeaf(e)) {
        remove(t, i, e, mirror);
        flush = true;
      } else if (Spte.isTable(e)) {
        PageTable c = t.child(i);
        if (c != null) {
          flush |= zap(c, start, end, mirror);
        }
      }
    }
    return flush;
  }

  private void remove(PageTable t, int i, long e, boolean mirror) {
    if (mirror) {
      t.set(i, Spte.FROZEN);
      external.remove(t.gfnOf(i), t.level, Spte.pfn(e));
    }
    t.set(i, Spte.NONE);
    counters.add(t.level, -1, 0);
  }

  /**
   * Takes write access from the leaves of levels {@code from} to {@code to} that overlap a range;
   * tells whether one had it.
   */
  static boolean protectWrites(PageTable t, long start, long end, int from, int to) {
    boolean flush = false;
    int last = t.lastIndex(end);
    for (int i = t.skip(t.firstIndex(start)); i <= last; i = t.skip(i + 1)) {
      long e = t.get(i);
      if (Spte.isLeaf(e)) {
        if (Spte.isWritable(e) && t.level >= from && t.level <= to) {
          t.set(i, Spte.readOnly(e));
          flush = true;
        }
      } else if (Spte.isTable(e)) {
        PageTable c = t.child(i);
        if (c != null) {
          flush |= protectWrites(c, start, end, from, to);
        }
      }
    }
    return flush;
  }

  /**
   * Tells whether the guest used a leaf that overlaps a range, and makes such leaves old. Takes no
   * lock: who changes an entry meanwhile is in use or goes.
   *
   * @param clear false to look only, which ends at the first
   */
  static boolean age(PageTable t, long start, long end, boolean clear) {
    boolean young = false;
    int last = t.lastIndex(end);
    for (int i = t.skipRoom(t.firstIndex(start)); i <= last; i = t.skipRoom(i + 1)) {
      long e = t.read(i);
      if (Spte.isTable(e)) {
        PageTable c = t.child(i);
        young |= c != null && age(c, start, end, clear);
      } else if (Spte.isLeaf(e) && !Spte.isOld(e)) {
        young = true;
        if (clear) {
          var _ = t.cas(i, e, e | Spte.OLD);
        }
      }
      if (young && !clear) {
        return true;
      }
    }
    return young;
  }

  /** The hardware sets the accessed bit of a leaf that it walks through. */
  static void accessed(PageTable root, long gfn) {
    PageTable t = root;
    while (true) {
      int i = PageTable.index(gfn, t.level);
      long e = t.read(i);
      PageTable c = Spte.isTable(e) ? t.child(i) : null;
      if (c == null) {
        if (Spte.isLeaf(e) && Spte.isOld(e)) {
          var _ = t.cas(i, e, e & ~Spte.OLD);
        }
        return;
      }
      t = c;
    }
  }

  /** Tears the tables under an emptied mirror root down, from the leaves up. */
  void freeTables(PageTable t) {
    for (int i = t.skip(0); i < 512; i = t.skip(i + 1)) {
      if (Spte.isTable(t.get(i))) {
        PageTable c = t.child(i);
        if (c != null) {
          freeTables(c);
          t.set(i, Spte.NONE);
          t.setChild(i, null);
          external.free(c.baseGfn, t.level, c.externalPfn);
        }
      }
    }
  }

  /** Returns the entry the walk ends at, with its level. */
  static long walk(PageTable root, long gfn) {
    PageTable t = root;
    while (true) {
      int i = PageTable.index(gfn, t.level);
      long e = t.read(i);
      PageTable c = Spte.isTable(e) ? t.child(i) : null;
      if (c == null) {
        return Spte.atLevel(e, t.level);
      }
      t = c;
    }
  }

  static void visit(PageTable t, LeafVisitor visitor) {
    for (int i = t.skip(0); i < 512; i = t.skip(i + 1)) {
      long e = t.get(i);
      if (Spte.isLeaf(e)) {
        visitor.leaf(t.gfnOf(i), t.level, e);
      } else if (Spte.isTable(e)) {
        PageTable c = t.child(i);
        if (c != null) {
          visit(c, visitor);
        }
      }
    }
  }
}
