package dev.cocovisor.core.mmu;

import dev.cocovisor.api.Errno;
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
 * <p>The fault path is {@link TdpMapper}'s, huge leaves and tables turn into each other in {@link
 * HugePages}, sweeps over leaves are {@link TdpLeafs}'. Source: {@code arch/x86/kvm/mmu/tdp_mmu.c}.
 */
public final class TdpMmu implements SecondStage {
  private static final int ROOT_LEVEL = 5;
  private static final PageTable NOTHING = new PageTable(1, 0, -1);

  private final MmuHost host;
  private final PageCounters counters = new PageCounters();
  private final HugePages huge;
  private final TdpLeafs leafs;
  private final TdpMapper mapper;
  private final @Nullable PageTable mirrorRoot;
  private volatile PageTable directRoot = new PageTable(ROOT_LEVEL, 0, -1);

  /** Creates empty roots. */
  public TdpMmu(MmuHost host, boolean mirrored) {
    this.host = host;
    var external = new ExternalTable(host);
    this.huge = new HugePages(host, external, counters);
    this.leafs = new TdpLeafs(external, counters);
    this.mapper = new TdpMapper(host, external, counters, huge);
    this.mirrorRoot =
        mirrored ? new PageTable(levelsFor(host.ops().traits().sharedGfnMask()), 0, -1) : null;
  }

  /** A mirror has as many levels as the table it mirrors: the shared bit is its topmost one. */
  private static int levelsFor(long sharedGfnMask) {
    int bits = Long.SIZE - Long.numberOfLeadingZeros(sharedGfnMask);
    return bits == 0 ? ROOT_LEVEL : (bits + PageTable.INDEX_BITS - 1) / PageTable.INDEX_BITS;
  }

  @Override
  public PageCounters counters() {
    return counters;
  }

  private PageTable root(boolean isPrivate) {
    PageTable m = mirrorRoot;
    return isPrivate && m != null ? m : directRoot;
  }

  /** As {@link #root}, for an address: nothing stands where the mirror does not reach. */
  private PageTable rootOver(long gfn, boolean isPrivate) {
    PageTable root = root(isPrivate);
    return gfn >>> (PageTable.INDEX_BITS * root.level) == 0 ? root : NOTHING;
  }

  @Override
  public int map(PageFault f, VcpuContext vcpu) {
    if (rootOver(f.gfn, f.isPrivate) == NOTHING) {
      // tdp_iter_start warns and finds nothing, so that the kernel would try for ever.
      return -Errno.EFAULT.number();
    }
    return mapper.map(f, root(f.isPrivate), f.isPrivate && mirrorRoot != null);
  }

  @Override
  public boolean zapLeafs(long start, long end, int roots, boolean notifier) {
    boolean flush = false;
    if ((roots & DIRECT) != 0) {
      flush = leafs.zap(directRoot, start, end, false);
    }
    PageTable m = mirrorRoot;
    if ((roots & PRIVATE_ROOT) != 0 && m != null) {
      flush |= leafs.zap(m, start, end, true);
    }
    if (flush) {
      host.traceCore("zap", start, end);
    }
    return flush;
  }

  @Override
  public boolean protectWrites(long start, long end, int from, int to) {
    return TdpLeafs.protectWrites(directRoot, start, end, from, to);
  }

  /** Drops the direct root with everything under it (kvm_mmu_zap_all_fast). */
  @Override
  public void zapAllDirect() {
    directRoot = new PageTable(ROOT_LEVEL, 0, -1);
    PageTable m = mirrorRoot;
    counters.reset();
    if (m != null) {
      TdpLeafs.visit(m, (gfn, level, e) -> counters.add(level, 1, 0));
    }
  }

  /** Tears everything down: leaves, then tables from the leaves up. */
  @Override
  public void destroy() {
    zapAllDirect();
    PageTable m = mirrorRoot;
    if (m != null) {
      leafs.zap(m, 0, Long.MAX_VALUE, true);
      leafs.freeTables(m);
    }
  }

  /**
   * Splits huge private leaves that cross either end of a range (splitBoundaryLeafs), before
   * anything is zapped.
   */
  @Override
  public Errno splitBoundaryLeafs(long start, long end) {
    boolean mirror = mirrorRoot != null;
    Errno r = huge.splitAcross(rootOver(start, true), start, mirror);
    return r.ok() ? huge.splitAcross(rootOver(end, true), end, mirror) : r;
  }

  @Override
  public Errno splitTo(long gfn, int level, boolean isPrivate) {
    return huge.splitTo(rootOver(gfn, isPrivate), gfn, level, isPrivate && mirrorRoot != null);
  }

  @Override
  public void splitAll(long start, long end) {
    huge.splitAll(directRoot, start, end);
  }

  @Override
  public void recoverHuge(MemSlot slot, LevelRule rule) {
    if (huge.recover(directRoot, slot, rule)) {
      host.flushRemoteTlbs();
    }
  }

  @Override
  public long walk(long gfn, boolean isPrivate) {
    return TdpLeafs.walk(rootOver(gfn, isPrivate), gfn);
  }

  /** A mirror has no accessed bits that anybody asks for: the hardware walks its external table. */
  @Override
  public void accessed(long gfn, boolean isPrivate) {
    PageTable root = rootOver(gfn, isPrivate);
    if (root != mirrorRoot) {
      TdpLeafs.accessed(root, gfn);
    }
  }

  @Override
  public boolean age(long start, long end, boolean clear) {
    return TdpLeafs.age(directRoot, start, end, clear);
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
      TdpLeafs.visit(directRoot, visitor);
    } else if (m != null) {
      TdpLeafs.visit(m, visitor);
    }
  }

  @Override
  public boolean hasPrivateRoot() {
    return mirrorRoot != null;
  }
}
