package dev.cocovisor.core.mmu;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;

/**
 * The fault path of the TDP MMU: walks down from a root, hangs tables in, sets the leaf.
 *
 * <p>Runs under mmu_lock shared, many faults at a time; nothing is allocated but tables. Source:
 * {@code arch/x86/kvm/mmu/tdp_mmu.c}, kvm_tdp_mmu_map, tdp_mmu_map_handle_target_level,
 * tdp_mmu_link_sp; {@code spte.c}, make_spte.
 */
final class TdpMapper {
  private final MmuHost host;
  private final ExternalTable external;
  private final PageCounters counters;
  private final HugePages huge;

  TdpMapper(MmuHost host, ExternalTable external, PageCounters counters, HugePages huge) {
    this.host = host;
    this.external = external;
    this.counters = counters;
    this.huge = huge;
  }

  /** Maps under a root; a {@link RetPf} value or -errno. */
  int map(PageFault f, PageTable root, boolean mirror) {
    int cuts = huge.cuts();
    PageTable t = f.nearest(root, cuts);
    while (true) {
      int i = PageTable.index(f.gfn, t.level);
      long e = t.read(i);
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
      if (t.level == 1) {
        f.reached(root, t, cuts);
      }
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
    if (f.prefetch && !mirror) {
      leaf |= Spte.OLD;
    }
    if (old == leaf) {
      return RetPf.SPURIOUS;
    }
    if (mirror) {
      return mapMirrored(f, t, i, old, leaf);
    }
    if (f.mapWritable) {
      // make_spte: whoever may write is logged before the entry stands.
      f.slot.markDirty(f.gfn, f.ring);
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
        huge.forget(gone, f.cpu);
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
        return -host.refuse(Errno.ENOMEM, "no frame for a table of the second stage").number();
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
    Errno r = huge.splitFrozen(t, i, old, mirror, true, f.cpu);
    if (r.ok()) {
      return RetPf.CONTINUE;
    }
    // RFC v1 answers EBUSY to leave the huge leaf alone: the guest tries again, and asks for less
    // or finds the page accepted. EAGAIN wants the split made under the exclusive lock.
    return r == Errno.EBUSY ? RetPf.RETRY : r == Errno.EAGAIN ? RetPf.SPLIT : -r.number();
  }
}
