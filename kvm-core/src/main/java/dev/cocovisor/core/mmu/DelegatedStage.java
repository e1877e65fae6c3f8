package dev.cocovisor.core.mmu;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.core.mem.LongRadix;
import dev.cocovisor.core.slot.MemSlot;

/**
 * A second stage that a trusted half keeps: the host only remembers what it gave.
 *
 * <p>The registry holds one entry a leaf, at its first gfn, so that everything given can be taken
 * back. A frame that the trusted half does not give back stays in the registry. Sources: {@code
 * arch/arm64/kvm/pkvm.c}, the registry of pkvm_mapping; the KVM series for CCA, realm_map_ipa.
 */
public final class DelegatedStage implements SecondStage {
  private final MmuHost host;
  private final PageCounters counters = new PageCounters();
  private final LongRadix[] registry = {new LongRadix(), new LongRadix()};

  /** Creates an empty registry. */
  public DelegatedStage(MmuHost host) {
    this.host = host;
  }

  private long find(long gfn, boolean isPrivate) {
    LongRadix r = registry[isPrivate ? 1 : 0];
    for (int level = 1; level <= 3; level++) {
      long e = r.get(PageLevel.of(level).alignDown(gfn));
      if (e != 0 && Spte.level(e) >= level) {
        return e;
      }
    }
    return 0;
  }

  /** A registry's entry: a leaf with its level. */
  private static long entry(long pfn, boolean writable, boolean isPrivate, PageLevel level) {
    return Spte.atLevel(Spte.leaf(pfn, writable, isPrivate), level.number());
  }

  @Override
  public int map(PageFault f, VcpuContext vcpu) {
    long have = find(f.gfn, f.isPrivate);
    if (have != 0 && (!f.write || Spte.isWritable(have))) {
      Errno again = host.ops().refaultDelegated(vcpu, f.gfn, f.isPrivate);
      return again.ok() || again == Errno.EAGAIN ? RetPf.SPURIOUS : -again.number();
    }
    PageLevel level = PageLevel.of(f.goalLevel);
    PageLevel limit =
        host.ops()
            .delegatedMaxLevel(f.gfn, f.pfn + (f.gfn & (level.pages() - 1)), level, f.isPrivate);
    if (limit.number() < level.number()) {
      f.pfn += f.gfn & (level.pages() - 1) & -limit.pages();
      level = limit;
      f.goalLevel = limit.number();
    }
    long gfn = level.alignDown(f.gfn);
    Errno done = host.ops().mapDelegated(vcpu, gfn, f.pfn, level, f.isPrivate, f.mapWritable);
    if (done == Errno.EAGAIN || done == Errno.EEXIST) {
      return RetPf.RETRY;
    }
    if (!done.ok()) {
      return -done.number();
    }
    LongRadix r = registry[f.isPrivate ? 1 : 0];
    forget(r, gfn, level);
    r.set(gfn, entry(f.pfn, f.mapWritable, f.isPrivate, level));
    counters.add(level.number(), 1, f.cpu);
    // Only what was mapped can be written: arch/arm64/kvm/mmu.c, kvm_s2_fault_map.
    MemSlot slot = f.slot;
    if (f.mapWritable && slot != null) {
      slot.markDirty(f.gfn, f.ring);
    }
    return RetPf.FIXED;
  }

  /**
   * Drops the entries of mappings that one of another size, or of more rights, took the place of.
   */
  private void forget(LongRadix r, long gfn, PageLevel level) {
    for (int bigger = level.number() + 1; bigger <= 3; bigger++) {
      long first = PageLevel.of(bigger).alignDown(gfn);
      if (Spte.level(r.get(first)) == bigger) {
        r.set(first, 0);
        counters.add(bigger, -1, 0);
      }
    }
    long g = gfn;
    while ((g = r.next(g, gfn + level.pages())) >= 0) {
      counters.add(Spte.level(r.get(g)), -1, 0);
      r.set(g, 0);
    }
  }

  /** Page by page: the trusted half took each as a leaf of its own. */
  @Override
  public void populated(long gfn, long pfn, int order) {
    for (long i = 0; i < 1L << order; i++) {
      registry[1].set(gfn + i, entry(pfn + i, true, true, PageLevel.PG_4K));
    }
    counters.add(PageLevel.PG_4K.number(), 1L << order, 0);
  }

  @Override
  public boolean zapLeafs(long start, long end, int roots, boolean notifier) {
    boolean flush = false;
    if ((roots & DIRECT) != 0) {
      flush = zap(false, start, end, notifier);
    }
    if ((roots & PRIVATE_ROOT) != 0) {
      flush |= zap(true, start, end, notifier);
    }
    if (flush) {
      host.traceCore("zap", start, end);
    }
    return flush;
  }

  private boolean zap(boolean isPrivate, long start, long end, boolean notifier) {
    LongRadix r = registry[isPrivate ? 1 : 0];
    boolean any = false;
    long gfn = PageLevel.PG_1G.alignDown(start);
    while ((gfn = r.next(gfn, end)) >= 0) {
      long e = r.get(gfn);
      PageLevel level = PageLevel.of(Spte.level(e));
      boolean overlaps = gfn + level.pages() > start;
      boolean cut = overlaps && (gfn < start || gfn + level.pages() > end);
      if (cut && host.ops().splitDelegated(gfn, level, isPrivate).ok()) {
        splitEntry(r, gfn, e, level);
        gfn = Math.max(gfn, start);
        continue;
      }
      if (overlaps && (!notifier || host.ops().notifierMayUnmap(gfn, isPrivate))) {
        Errno done = host.ops().unmapDelegated(gfn, Spte.pfn(e), level, isPrivate);
        if (done.ok()) {
          r.set(gfn, 0);
          counters.add(level.number(), -1, 0);
          any = true;
        }
      }
      gfn++;
    }
    return any;
  }

  /** Registers the pages of a mapping one by one, after the trusted half split it. */
  private void splitEntry(LongRadix r, long gfn, long e, PageLevel level) {
    boolean isPrivate = r == registry[1];
    for (long i = 0; i < level.pages(); i++) {
      r.set(gfn + i, entry(Spte.pfn(e) + i, Spte.isWritable(e), isPrivate, PageLevel.PG_4K));
    }
    counters.add(level.number(), -1, 0);
    counters.add(PageLevel.PG_4K.number(), level.pages(), 0);
  }

  @Override
  public void zapAllDirect() {
    zap(false, 0, Long.MAX_VALUE, false);
  }

  @Override
  public Errno splitBoundaryLeafs(long start, long end) {
    Errno r = splitCrossing(start);
    return r.ok() ? splitCrossing(end) : r;
  }

  /** Splits the private mapping that lies on both sides of {@code gfn}, if there is one. */
  private Errno splitCrossing(long gfn) {
    long e = find(gfn, true);
    PageLevel level = PageLevel.of(Math.max(1, Spte.level(e)));
    long first = level.alignDown(gfn);
    if (e == 0 || first == gfn) {
      return Errno.OK;
    }
    Errno r = host.ops().splitDelegated(first, level, true);
    if (r.ok()) {
      splitEntry(registry[1], first, e, level);
    }
    // What cannot be split is unmapped as a whole by the zap that follows.
    return r == Errno.EOPNOTSUPP ? Errno.OK : r;
  }

  @Override
  public Errno splitTo(long gfn, int level, boolean isPrivate) {
    long e = find(gfn, isPrivate);
    if (e == 0 || Spte.level(e) <= level) {
      return Errno.OK;
    }
    PageLevel from = PageLevel.of(Spte.level(e));
    Errno r = host.ops().splitDelegated(from.alignDown(gfn), from, isPrivate);
    if (r.ok()) {
      splitEntry(registry[isPrivate ? 1 : 0], from.alignDown(gfn), e, from);
    }
    return r == Errno.EOPNOTSUPP ? Errno.OK : r;
  }

  /** Where the trusted half cannot take write access alone away, the pages go. */
  @Override
  public boolean protectWrites(long start, long end, int from, int to) {
    LongRadix r = registry[0];
    boolean any = false;
    long gfn = PageLevel.PG_1G.alignDown(start);
    while ((gfn = r.next(gfn, end)) >= 0) {
      long e = r.get(gfn);
      PageLevel level = PageLevel.of(Spte.level(e));
      if (gfn + level.pages() > start && Spte.isWritable(e)) {
        Errno done = host.ops().protectDelegated(gfn, level, false);
        if (done == Errno.EOPNOTSUPP) {
          return zap(false, start, end, false) || any;
        }
        if (done.ok()) {
          r.set(gfn, entry(Spte.pfn(e), false, false, level));
          any = true;
        }
      }
      gfn++;
    }
    return any;
  }

  /** Blocks stay until a write cuts them (no KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE was set). */
  @Override
  public void splitAll(long start, long end) {}

  /** Pages stay: arm64 makes no blocks of them when logging ends. */
  @Override
  public void recoverHuge(MemSlot slot, LevelRule rule) {}

  @Override
  public long walk(long gfn, boolean isPrivate) {
    long e = find(gfn, isPrivate);
    return e == 0 ? Spte.atLevel(0, 1) : e;
  }

  /** None: what the core keeps is a registry, not a table. */
  @Override
  public long tablePages() {
    return 0;
  }

  @Override
  public long externalTablePages() {
    return 0;
  }

  @Override
  public void visitLeafs(boolean privateRoot, LeafVisitor visitor) {
    LongRadix r = registry[privateRoot ? 1 : 0];
    long gfn = 0;
    while ((gfn = r.next(gfn, Long.MAX_VALUE)) >= 0) {
      long e = r.get(gfn);
      visitor.leaf(gfn, Spte.level(e), Spte.bare(e));
      gfn++;
    }
  }

  @Override
  public PageCounters counters() {
    return counters;
  }

  @Override
  public void destroy() {
    zap(true, 0, Long.MAX_VALUE, false);
    zap(false, 0, Long.MAX_VALUE, false);
  }

  @Override
  public boolean hasPrivateRoot() {
    return true;
  }
}
