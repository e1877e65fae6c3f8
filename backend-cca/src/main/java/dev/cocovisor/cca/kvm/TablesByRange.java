package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.op.Block;

/**
 * A realm's tables under RMI 2.0: ranges of blocks. A block of 2 MiB goes into one entry without
 * tables below it, and is taken away as one.
 */
// The CCA series, v15, arch/arm64/kvm/rmi.c: realm_map_protected, realm_unmap_private_range,
// realm_map_non_secure, with RMI_RTT_DATA_MAP and following.
final class TablesByRange extends RealmTables {
  private static final long SINGLE = 1;
  private static final long MEMATTR_NORMAL = 6 << 16;
  private static final long S2AP_WRITE = 1 << 19;
  private static final long S2AP_READ = 1 << 20;

  private final Rmi2 rmm;

  TablesByRange(VmContext vm, Rmi2 rmm, Granules granules, long rd, int startLevel, int ipaBits) {
    super(vm, rmm, granules, rd, startLevel, ipaBits);
    this.rmm = rmm;
  }

  @Override
  Errno assign(Pe pe, long ipa, long pa) {
    return mapBlock(pe, ipa, pa, PAGE_LEVEL);
  }

  private Errno mapBlock(Pe pe, long ipa, long pa, int level) {
    long block = Block.of(pa, level, 1, 0);
    long top = ipa + entrySize(level);
    long status = rmm.dataMap(pe, rd, ipa, top, SINGLE, block);
    if (isRtt(status) && Status.index(status) < level) {
      Errno e = createTables(pe, ipa, Status.index(status), level);
      if (!e.ok()) {
        return e;
      }
      status = rmm.dataMap(pe, rd, ipa, top, SINGLE, block);
    }
    // BUSY: somebody else's operation has the entry; the guest faults again.
    return status == Status.BUSY || status == Status.BLOCKED ? Errno.EAGAIN : result(status);
  }

  @Override
  Errno mapPrivateBlock(Pe pe, long ipa, long pa) {
    long first = pa >>> PageLevel.PAGE_SHIFT;
    long delegated = granules.delegate(pe, first, BLOCK_PAGES);
    Errno e = Errno.ENXIO;
    if (delegated == BLOCK_PAGES) {
      e = mapBlock(pe, ipa, pa, BLOCK_LEVEL);
    }
    if (!e.ok()) {
      undelegate(pe, pa, delegated);
    }
    return e;
  }

  @Override
  Errno unmapPrivate(Pe pe, long ipa, int level) {
    return unmapRange(pe, ipa, ipa + entrySize(level));
  }

  /** Takes a range away, entry by entry or more at a time. */
  private Errno unmapRange(Pe pe, long base, long top) {
    long at = base;
    while (at < top) {
      long status = rmm.dataUnmap(pe, rd, at, top, SINGLE);
      if (status == Status.SUCCESS) {
        long reached = pe.x1();
        giveBackBlocks(pe, pe.x2());
        at = reached;
        continue;
      }
      if (!isRtt(status)) {
        return Errno.ENXIO;
      }
      int level = Status.index(status);
      if (rmm.rttReadEntry(pe, rd, at & -entrySize(level), level) != Status.SUCCESS) {
        return Errno.ENXIO;
      }
      if (pe.x2() != ASSIGNED) {
        // An entry larger than the range, with nothing in it.
        return Errno.OK;
      }
      Errno e = createTables(pe, at, level, level + 1);
      if (!e.ok()) {
        return e;
      }
    }
    return Errno.OK;
  }

  private void giveBackBlocks(Pe pe, long blocks) {
    if (Block.count(blocks) != 0) {
      undelegate(pe, Block.address(blocks), Block.granules(blocks));
    }
  }

  @Override
  Errno mapShared(Pe pe, long ipa, long pa, int level, boolean writable) {
    long flags = SINGLE | MEMATTR_NORMAL | S2AP_READ | (writable ? S2AP_WRITE : 0);
    long block = Block.of(pa, level, 1, Block.UNDELEGATED);
    long top = ipa + entrySize(level);
    long status = rmm.unprotectedMap(pe, rd, ipa, top, flags, block);
    if (isRtt(status) && Status.index(status) < level) {
      Errno e = createTables(pe, ipa, Status.index(status), level);
      if (!e.ok()) {
        return e;
      }
      status = rmm.unprotectedMap(pe, rd, ipa, top, flags, block);
    }
    if (status == Status.rtt(level)) {
      var _ = unmapShared(pe, ipa, level);
      status = rmm.unprotectedMap(pe, rd, ipa, top, flags, block);
    }
    return status == Status.SUCCESS ? Errno.OK : Errno.ENXIO;
  }

  @Override
  Errno unmapShared(Pe pe, long ipa, int level) {
    long top = ipa + entrySize(level);
    long at = ipa;
    while (at < top) {
      long status = rmm.unprotectedUnmap(pe, rd, at, top);
      if (status != Status.SUCCESS) {
        // RTT: the entry is larger than the range, so nothing of this size is mapped.
        return isRtt(status) ? Errno.OK : Errno.ENXIO;
      }
      at = pe.x1();
    }
    if (level < PAGE_LEVEL) {
      dropTable(pe, ipa, level);
    }
    return Errno.OK;
  }

  @Override
  void takePages(Pe pe, long protectedEnd) {
    for (long ipa = 0; ipa < protectedEnd; ) {
      long status = rmm.dataUnmap(pe, rd, ipa, protectedEnd, SINGLE);
      if (status != Status.SUCCESS) {
        break;
      }
      long reached = pe.x1();
      giveBackBlocks(pe, pe.x2());
      ipa = reached;
    }
  }
}
