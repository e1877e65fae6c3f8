package dev.cocovisor.core.mmu;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.core.slot.MemSlot;
import org.jspecify.annotations.Nullable;

/**
 * The TDP MMU: one direct root, and a mirror root for VMs whose private memory an external table
 * maps.
 *
 * <p><b>States of an entry.</b> NONE, a cached MMIO entry, FROZEN, a leaf, or a table. Under the
 * shared lock an entry goes from what was read to FROZEN by compare-and-swap, then to its new value
 * by a plain release; whoever meets FROZEN lets the guest retry. So a table is hung in, or a hook
 * runs, while nobody else can touch the entry. A 4 KiB direct leaf is one compare-and-swap.
 *
 * <p><b>Locks.</b> {@link #map} holds mmu_lock shared; everything that zaps or splits holds it
 * exclusive.
 *
 * <p><b>The mirror</b> never merges: where a table stands, the mapping steps down to it. Its tables
 * are freed only at teardown, and every change of it goes through {@link ExternalTable}.
 *
 * <p>Sources: {@code arch/x86/kvm/mmu/tdp_mmu.c}, kvm_tdp_mmu_map, tdp_mmu_map_handle_target_level,
 * tdp_mmu_zap_leafs, tdp_mmu_split_huge_page, recover_huge_pages_range; the series "TDX huge page
 * support for private memory" for the mirror's splits.
 */
public final class TdpMmu implements SecondStage {
  private static final int ROOT_LEVEL = 5;

  private final MmuHost host;
  private final ExternalTable external;
  private final PageCounters counters = new PageCounters();
  private final @Nullable PageTable mirrorRoot;
  private volatile PageTable directRoot = new PageTable(ROOT_LEVEL, 0, -1);

  /** Creates empty roots. */
  public TdpMmu(MmuHost host, boolean mirrored) {
    this.host = host;
    this.external = new ExternalTable(host);
    this.mirrorRoot = mirrored ? new PageTable(ROOT_LEVEL, 0, -1) : null;
  }

  @Override
  public PageCounters counters() {
    return counters;
  }

  private boolean isMirror(PageFault f) {
    return f.isPrivate && mirrorRoot != null;
  }

  private PageTable root(boolean isPrivate) {
    PageTable m = mirrorRoot;
    return isPrivate && m != null ? m : directRoot;
  }

  @Override
  public int map(PageFault f, VcpuContext vcpu) {
    PageTable t = root(f.isPrivate);
    boolean mirror = isMirror(f);
    while (true) {
      int i = PageTable.index(f.gfn, t.level);
      long e = t.get(i);
      if (t.level == f.goalLevel) {
        if (!mirror || !Spte.isTable(e)) {
          return mapTarget(f, t, i, e, mirror);
        }
        // No merging in the mirror: the table stays, so the mapping gets smaller.
        f.goalLevel--;
        f.pfn += f.gfn & (PageLevel.of(t.level).pages() - 1) & -PageLevel.of(f.goalLevel).pages();
      }
      PageTable next = Spte.isTable(e) ? t.child(i) : null;
      if (next == null) {
        if (e == Spte.FROZEN) {
          return RetPf.RETRY;
        }
        int r = Spte.isLeaf(e) ? splitShared(f, t, i, e, mirror) : link(f, t, i, e, mirror);
        if (r != RetPf.CONTINUE) {
          return r;
        }
        continue;
      }
      t = next;
    }
  }

  private int mapTarget(PageFault f, PageTable t, int i, long old, boolean mirror) {
    if (old == Spte.FROZEN) {
      return RetPf.RETRY;
    }
    if (f.slot == null) {
      long mmio = Spte.mmio(f.generation);
      return old == mmio || t.cas(i, old, mmio) ? RetPf.EMULATE : RetPf.RETRY;
    }
    if (Spte.isLeaf(old) && (f.prefetch || !f.write || Spte.isWritable(old))) {
      return RetPf.SPURIOUS;
    }
    long leaf = Spte.leaf(f.pfn, f.mapWritable, f.isPrivate);
    if (old == leaf) {
      return RetPf.SPURIOUS;
    }
    if (mirror) {
      return mapMirrored(f, t, i, old, leaf);
    }
    if (!t.cas(i, old, leaf)) {
      return RetPf.RETRY;
    }
    if (!Spte.isLeaf(old)) {
      counters.add(t.level, 1, f.cpu);
    }
    if (Spte.isTable(old)) {
      PageTable gone = t.child(i);
      t.setChild(i, null);
      if (gone != null) {
        forget(gone, f.cpu);
      }
      host.flushRemoteTlbs();
    } else if (Spte.isLeaf(old) && Spte.pfn(old) != Spte.pfn(leaf)) {
      host.flushRemoteTlbs();
    }
    return RetPf.FIXED;
  }

  private int mapMirrored(PageFault f, PageTable t, int i, long old, long leaf) {
    if (Spte.isLeaf(old)) {
      return RetPf.SPURIOUS;
    }
    if (!t.cas(i, old, Spte.FROZEN)) {
      return RetPf.RETRY;
    }
    Errno r = external.set(t.gfnOf(i), t.level, Spte.pfn(leaf));
    if (!r.ok()) {
      t.set(i, old);
      return retryOr(r);
    }
    t.set(i, leaf);
    counters.add(t.level, 1, f.cpu);
    return RetPf.FIXED;
  }

  private static int retryOr(Errno r) {
    return r == Errno.EBUSY || r == Errno.EAGAIN ? RetPf.RETRY : -r.number();
  }

  /** Hangs an empty table in. CONTINUE: look at the entry again. */
  private int link(PageFault f, PageTable t, int i, long old, boolean mirror) {
    long spt = -1;
    if (mirror) {
      spt = external.allocateTable(f.cpu);
      if (spt < 0) {
        return -Errno.ENOMEM.number();
      }
    }
    PageTable table = new PageTable(t.level - 1, t.gfnOf(i), spt);
    if (!t.cas(i, old, Spte.FROZEN)) {
      if (mirror) {
        external.giveTableBack(spt);
      }
      return RetPf.CONTINUE;
    }
    if (mirror) {
      Errno r = external.link(t.gfnOf(i), t.level, spt);
      if (!r.ok()) {
        t.set(i, old);
        external.giveTableBack(spt);
        return retryOr(r);
      }
    }
    t.setChild(i, table);
    t.set(i, Spte.table(Math.max(spt, 0)));
    return RetPf.CONTINUE;
  }

  private int splitShared(PageFault f, PageTable t, int i, long old, boolean mirror) {
    if (!t.cas(i, old, Spte.FROZEN)) {
      return RetPf.CONTINUE;
    }
    Errno r = splitFrozen(t, i, old, mirror, true, f.cpu);
    if (r.ok()) {
      return RetPf.CONTINUE;
    }
    // RFC v1 answers EBUSY to leave the huge leaf alone: the guest tries again, and asks for less
    // or
    // finds the page accepted. EAGAIN wants the split made under the exclusive lock.
    return r == Errno.EBUSY ? RetPf.RETRY : r == Errno.EAGAIN ? RetPf.SPLIT : -r.number();
  }

  /** Splits the huge leaf {@code old} that stands at a frozen entry; on error it is put back. */
  private Errno splitFrozen(PageTable t, int i, long old, boolean mirror, boolean shared, int cpu) {
    long spt = -1;
    if (mirror) {
      spt = external.allocateTable(cpu);
      Errno r =
          spt < 0 ? Errno.ENOMEM : external.split(t.gfnOf(i), t.level, Spte.pfn(old), spt, shared);
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
      table.set(k, Spte.leaf(Spte.pfn(old) + k * step, Spte.isWritable(old), Spte.isPrivate(old)));
    }
    t.setChild(i, table);
    t.set(i, Spte.table(Math.max(spt, 0)));
    counters.add(t.level, -1, cpu);
    counters.add(small, 512, cpu);
    return Errno.OK;
  }

  /** Takes a cut-off table's leaves out of the counters. */
  private void forget(PageTable t, int cpu) {
    for (int i = 0; i < 512; i++) {
      long e = t.get(i);
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

  @Override
  public boolean zapLeafs(long start, long end, int roots, boolean notifier) {
    boolean flush = false;
    if ((roots & DIRECT) != 0) {
      flush = zapLeafs(directRoot, start, end, false);
    }
    PageTable m = mirrorRoot;
    if ((roots & PRIVATE_ROOT) != 0 && m != null) {
      flush |= zapLeafs(m, start, end, true);
    }
    if (flush) {
      host.traceCore("zap", start, end);
    }
    return flush;
  }

  private boolean zapLeafs(PageTable t, long start, long end, boolean mirror) {
    boolean flush = false;
    int last = lastIndex(t, end);
    for (int i = firstIndex(t, start); i <= last; i++) {
      long e = t.get(i);
      if (Spte.isLeaf(e)) {
        zap(t, i, e, mirror);
        flush = true;
      } else if (Spte.isTable(e)) {
        PageTable c = t.child(i);
        if (c != null) {
          flush |= zapLeafs(c, start, end, mirror);
        }
      }
    }
    return flush;
  }

  private void zap(PageTable t, int i, long e, boolean mirror) {
    if (mirror) {
      t.set(i, Spte.FROZEN);
      external.remove(t.gfnOf(i), t.level, Spte.pfn(e));
    }
    t.set(i, Spte.NONE);
    counters.add(t.level, -1, 0);
  }

  private static int firstIndex(PageTable t, long start) {
    return start <= t.baseGfn
        ? 0
        : (int) Math.min(512, (start - t.baseGfn) >>> (9 * (t.level - 1)));
  }

  private static int lastIndex(PageTable t, long end) {
    return end <= t.baseGfn
        ? -1
        : (int) Math.min(511, (end - 1 - t.baseGfn) >>> (9 * (t.level - 1)));
  }

  /** Drops the direct root with everything under it (kvm_mmu_zap_all_fast). */
  @Override
  public void zapAllDirect() {
    directRoot = new PageTable(ROOT_LEVEL, 0, -1);
    PageTable m = mirrorRoot;
    counters.reset();
    if (m != null) {
      visit(m, (gfn, level, e) -> counters.add(level, 1, 0));
    }
  }

  /** Tears everything down: leaves, then tables from the leaves up. */
  @Override
  public void destroy() {
    zapAllDirect();
    PageTable m = mirrorRoot;
    if (m != null) {
      zapLeafs(m, 0, Long.MAX_VALUE, true);
      freeTables(m);
    }
  }

  private void freeTables(PageTable t) {
    for (int i = 0; i < 512; i++) {
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

  /**
   * Splits huge private leaves that cross either end of a range (splitBoundaryLeafs), before
   * anything is zapped. mmu_lock is held exclusive.
   */
  @Override
  public Errno splitBoundaryLeafs(long start, long end) {
    Errno r = splitAcross(start, true);
    return r.ok() ? splitAcross(end, true) : r;
  }

  private Errno splitAcross(long gfn, boolean isPrivate) {
    PageTable t = root(isPrivate);
    while (t.level > 1) {
      int i = PageTable.index(gfn, t.level);
      if (t.gfnOf(i) == gfn) {
        return Errno.OK;
      }
      long e = t.get(i);
      if (Spte.isLeaf(e) && Spte.isPrivate(e)) {
        Errno r = splitExclusive(t, i, e);
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

  /** Splits the leaf over {@code gfn} down to {@code level}; mmu_lock is held exclusive. */
  @Override
  public Errno splitTo(long gfn, int level, boolean isPrivate) {
    PageTable t = root(isPrivate);
    while (t.level > level) {
      int i = PageTable.index(gfn, t.level);
      long e = t.get(i);
      if (Spte.isLeaf(e)) {
        Errno r = splitExclusive(t, i, e);
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

  private Errno splitExclusive(PageTable t, int i, long e) {
    host.mmuLock().assertExclusive();
    boolean mirror = mirrorRoot != null && Spte.isPrivate(e);
    t.set(i, Spte.FROZEN);
    Errno r = splitFrozen(t, i, e, mirror, false, 0);
    host.traceCore("split", t.gfnOf(i), t.gfnOf(i) + PageLevel.of(t.level).pages());
    return r;
  }

  /**
   * Splits all leaves of a range to 4 KiB, for dirty logging (kvm_tdp_mmu_try_split_huge_pages).
   */
  @Override
  public void splitAll(long start, long end) {
    splitAll(directRoot, start, end);
  }

  private void splitAll(PageTable t, long start, long end) {
    if (t.level == 1) {
      return;
    }
    int last = lastIndex(t, end);
    for (int i = firstIndex(t, start); i <= last; i++) {
      long e = t.get(i);
      if (Spte.isLeaf(e) && !splitExclusive(t, i, e).ok()) {
        continue;
      }
      PageTable c = Spte.isTable(t.get(i)) ? t.child(i) : null;
      if (c != null) {
        splitAll(c, start, end);
      }
    }
  }

  /** Tells how large a leaf at a gfn of a slot may be. */
  @FunctionalInterface
  public interface LevelRule {
    /** Returns the largest level, kernel numbering. */
    int maxLevel(MemSlot slot, long gfn);
  }

  /**
   * Replaces tables by huge leaves where the rule allows it again, as after dirty logging
   * (kvm_tdp_mmu_recover_huge_pages). mmu_lock is held exclusive.
   */
  @Override
  public void recoverHuge(MemSlot slot, LevelRule rule) {
    if (recoverHuge(directRoot, slot, rule)) {
      host.flushRemoteTlbs();
    }
  }

  private boolean recoverHuge(PageTable t, MemSlot slot, LevelRule rule) {
    boolean flush = false;
    int last = lastIndex(t, slot.endGfn());
    for (int i = firstIndex(t, slot.baseGfn()); i <= last && t.level > 1; i++) {
      PageTable c = Spte.isTable(t.get(i)) ? t.child(i) : null;
      if (c == null) {
        continue;
      }
      long gfn = t.gfnOf(i);
      boolean inside = gfn >= slot.baseGfn() && gfn < slot.endGfn();
      if (t.level > 3 || !inside || rule.maxLevel(slot, gfn) < t.level) {
        flush |= recoverHuge(c, slot, rule);
        continue;
      }
      long small = firstLeaf(c);
      if (small == Spte.NONE) {
        continue;
      }
      long pfn = Spte.pfn(small) & -PageLevel.of(t.level).pages();
      forget(c, 0);
      t.set(i, Spte.leaf(pfn, Spte.isWritable(small), Spte.isPrivate(small)));
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

  /**
   * Walks as the hardware does.
   *
   * @return the entry the walk ends at; its level is in {@link #levelAt}
   */
  @Override
  public long walk(long gfn, boolean isPrivate) {
    PageTable t = root(isPrivate);
    while (true) {
      int i = PageTable.index(gfn, t.level);
      long e = t.get(i);
      PageTable c = Spte.isTable(e) ? t.child(i) : null;
      if (c == null) {
        return e;
      }
      t = c;
    }
  }

  /** Returns the level of the entry that {@link #walk} ends at. */
  @Override
  public int levelAt(long gfn, boolean isPrivate) {
    PageTable t = root(isPrivate);
    while (true) {
      int i = PageTable.index(gfn, t.level);
      PageTable c = Spte.isTable(t.get(i)) ? t.child(i) : null;
      if (c == null) {
        return t.level;
      }
      t = c;
    }
  }

  /** Tells whether a cached MMIO entry was made under these slots (check_mmio_spte). */
  public static boolean mmioCurrent(long spte, long generation) {
    return Spte.generation(spte) == generation;
  }

  /** Visits the leaves of a root in gfn order. */
  @Override
  public long tablePages() {
    PageTable m = mirrorRoot;
    return directRoot.count(false) + (m == null ? 0 : m.count(false));
  }

  @Override
  public long externalTablePages() {
    PageTable m = mirrorRoot;
    return m == null ? 0 : m.count(true);
  }

  @Override
  public void visitLeafs(boolean mirror, LeafVisitor visitor) {
    PageTable m = mirrorRoot;
    if (!mirror) {
      visit(directRoot, visitor);
    } else if (m != null) {
      visit(m, visitor);
    }
  }

  private static void visit(PageTable t, LeafVisitor visitor) {
    for (int i = 0; i < 512; i++) {
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

  @Override
  public boolean hasPrivateRoot() {
    return mirrorRoot != null;
  }
}
