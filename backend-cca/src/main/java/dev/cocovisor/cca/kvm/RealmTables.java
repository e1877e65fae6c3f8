package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;

/**
 * A realm's translation tables as the host manages them: it cannot read them, so it acts on what
 * the RMM answers. An ERROR_RTT above level 3 names the level where a table is missing; the host
 * makes one and calls again.
 *
 * <p>Every step that fails leaves no granule behind: what was delegated for it is undelegated, and
 * what cannot be is reported as leaked.
 */
// The CCA series, arch/arm64/kvm/rmi.c: realm_create_rtt_levels, realm_map_protected,
// realm_map_non_secure, realm_unmap_private_page, realm_tear_down_rtt_range, realm_fold_rtt_level.
final class RealmTables {
  static final int PAGE_LEVEL = 3;
  static final int BLOCK_LEVEL = 2;
  static final long PAGE = 4096;
  static final long BLOCK = 2L << 20;

  private static final int BLOCK_PAGES = 512;
  private static final long ASSIGNED = 1;
  private static final long TABLE = 2;
  private static final long DESTROYED = 2;
  private static final long MEMATTR_NORMAL = 6 << 2;
  private static final long S2AP_READ = 1 << 6;
  private static final long S2AP_WRITE = 1 << 7;

  private final VmContext vm;
  private final Rmi rmm;
  private final Granules granules;
  private final long rd;
  private final int startLevel;
  private final int ipaBits;

  RealmTables(VmContext vm, Rmi rmm, Granules granules, long rd, int startLevel, int ipaBits) {
    this.vm = vm;
    this.rmm = rmm;
    this.granules = granules;
    this.rd = rd;
    this.startLevel = startLevel;
    this.ipaBits = ipaBits;
  }

  static long entrySize(int level) {
    return 1L << (12 + 9 * (PAGE_LEVEL - level));
  }

  static boolean isRtt(long status) {
    return Status.code(status) == Status.ERROR_RTT;
  }

  /** Makes the tables below {@code level} down to {@code target} on the way to an address. */
  Errno createTables(Pe pe, long ipa, int level, int target) {
    for (int l = level + 1; l <= target; l++) {
      long table = granules.allocateDelegated(pe);
      if (table == Granules.NONE) {
        return Errno.ENOMEM;
      }
      long status = rmm.rttCreate(pe, rd, table, ipa & -entrySize(l - 1), l);
      if (status == Status.SUCCESS) {
        continue;
      }
      giveBack(pe, table);
      // Another vCPU may have made the same table meanwhile.
      if (status != (Status.ERROR_RTT | (l - 1) << 8)) {
        return Errno.ENXIO;
      }
    }
    return Errno.OK;
  }

  /** Gives a private page that the VMM's memory file owns to the realm. */
  Errno mapPrivatePage(Pe pe, long ipa, long pa) {
    if (rmm.granuleDelegate(pe, pa) != Status.SUCCESS) {
      return isMappedTo(pe, ipa, pa) ? Errno.EEXIST : Errno.ENXIO;
    }
    Errno e = assign(pe, ipa, pa);
    if (!e.ok()) {
      undelegate(pe, pa);
    }
    return e;
  }

  /** Tells whether exactly this page is there already: another vCPU or a population was faster. */
  boolean isMappedTo(Pe pe, long ipa, long pa) {
    return rmm.rttReadEntry(pe, rd, ipa, PAGE_LEVEL) == Status.SUCCESS
        && pe.x2() == ASSIGNED
        && pe.x3() + (ipa & (entrySize((int) pe.x1()) - 1)) == pa;
  }

  /** Tells whether 2 MiB at an address are one entry still, so that a block can come there. */
  boolean isOneEntry(Pe pe, long ipa) {
    return rmm.rttReadEntry(pe, rd, ipa & -BLOCK, BLOCK_LEVEL) == Status.SUCCESS
        && pe.x2() != TABLE;
  }

  /** Tells whether the content at an address was lost and the realm has not given it up. */
  boolean isLost(Pe pe, long ipa) {
    return rmm.rttReadEntry(pe, rd, ipa, PAGE_LEVEL) == Status.SUCCESS && pe.x4() == DESTROYED;
  }

  /** Makes a table of a block, if it is not one already. */
  Errno unfold(Pe pe, long ipa) {
    if (rmm.rttReadEntry(pe, rd, ipa, BLOCK_LEVEL) != Status.SUCCESS) {
      return Errno.ENXIO;
    }
    return pe.x2() == TABLE ? Errno.OK : createTables(pe, ipa, BLOCK_LEVEL, PAGE_LEVEL);
  }

  /** Assigns a delegated granule; EEXIST if the address has one. */
  private Errno assign(Pe pe, long ipa, long pa) {
    long status = rmm.dataCreateUnknown(pe, rd, pa, ipa);
    if (isRtt(status) && Status.index(status) < PAGE_LEVEL) {
      Errno e = createTables(pe, ipa, Status.index(status), PAGE_LEVEL);
      if (!e.ok()) {
        return e;
      }
      status = rmm.dataCreateUnknown(pe, rd, pa, ipa);
    }
    return result(status);
  }

  private static Errno result(long status) {
    return status == Status.SUCCESS ? Errno.OK : isRtt(status) ? Errno.EEXIST : Errno.ENXIO;
  }

  /** Copies a page of the VMM's into a new realm. */
  Errno populatePage(Pe pe, long ipa, long pa, long source, boolean measure) {
    if (rmm.granuleDelegate(pe, pa) != Status.SUCCESS) {
      return Errno.ENXIO;
    }
    long flags = measure ? 1 : 0;
    long status = rmm.dataCreate(pe, rd, pa, ipa, source, flags);
    if (isRtt(status) && Status.index(status) < PAGE_LEVEL) {
      Errno e = createTables(pe, ipa, Status.index(status), PAGE_LEVEL);
      status = e.ok() ? rmm.dataCreate(pe, rd, pa, ipa, source, flags) : status;
    }
    if (status != Status.SUCCESS) {
      undelegate(pe, pa);
    }
    return result(status);
  }

  /** Gives 2 MiB of contiguous pages to the realm and folds their table into a block. */
  Errno mapPrivateBlock(Pe pe, long ipa, long pa) {
    long delegated = granules.delegate(pe, pa >>> PageLevel.PAGE_SHIFT, BLOCK_PAGES);
    if (delegated < BLOCK_PAGES) {
      leak(pa, granules.undelegate(pe, pa >>> PageLevel.PAGE_SHIFT, delegated));
      return Errno.ENXIO;
    }
    int done = 0;
    Errno e = Errno.OK;
    while (done < BLOCK_PAGES) {
      e = assign(pe, ipa + done * PAGE, pa + done * PAGE);
      if (!e.ok()) {
        break;
      }
      done++;
    }
    if (!e.ok()) {
      for (int i = 0; i < done; i++) {
        rmm.dataDestroy(pe, rd, ipa + i * PAGE);
      }
      leak(pa, granules.undelegate(pe, pa >>> PageLevel.PAGE_SHIFT, BLOCK_PAGES));
      return e;
    }
    // A table that does not fold works as well; it only costs a page.
    if (rmm.rttFold(pe, rd, ipa, PAGE_LEVEL) == Status.SUCCESS) {
      giveBack(pe, pe.x1());
    }
    return Errno.OK;
  }

  /** Takes private pages away from the realm; their content is lost. */
  Errno unmapPrivate(Pe pe, long ipa, int level) {
    long end = ipa + entrySize(level);
    for (long at = ipa; at < end; at += PAGE) {
      Errno e = destroyPage(pe, at);
      if (!e.ok()) {
        return e;
      }
    }
    if (level == BLOCK_LEVEL && rmm.rttDestroy(pe, rd, ipa, PAGE_LEVEL) == Status.SUCCESS) {
      giveBack(pe, pe.x1());
    }
    return Errno.OK;
  }

  private Errno destroyPage(Pe pe, long ipa) {
    long status = rmm.dataDestroy(pe, rd, ipa);
    if (isRtt(status) && Status.index(status) < PAGE_LEVEL && pe.x2() == ipa) {
      // The page is part of a block: unfold it and go on.
      Errno e = createTables(pe, ipa, Status.index(status), PAGE_LEVEL);
      if (!e.ok()) {
        return e;
      }
      status = rmm.dataDestroy(pe, rd, ipa);
    }
    if (status == Status.SUCCESS) {
      undelegate(pe, pe.x1());
    }
    return status == Status.SUCCESS || isRtt(status) ? Errno.OK : Errno.ENXIO;
  }

  /**
   * Maps memory of the host into the shared half. If something is mapped there the new permission
   * replaces the old.
   */
  // v14 of the series: ERROR_RTT at the asked level means "unmap, then map again", not "make
  // tables".
  Errno mapShared(Pe pe, long ipa, long pa, int level, boolean writable) {
    long desc = pa | MEMATTR_NORMAL | S2AP_READ | (writable ? S2AP_WRITE : 0);
    long status = rmm.rttMapUnprotected(pe, rd, ipa, level, desc);
    if (isRtt(status) && Status.index(status) < level) {
      Errno e = createTables(pe, ipa, Status.index(status), level);
      if (!e.ok()) {
        return e;
      }
      status = rmm.rttMapUnprotected(pe, rd, ipa, level, desc);
    }
    if (status == (Status.ERROR_RTT | (long) level << 8)) {
      dropTable(pe, ipa, level);
      rmm.rttUnmapUnprotected(pe, rd, ipa, level);
      status = rmm.rttMapUnprotected(pe, rd, ipa, level, desc);
    }
    return status == Status.SUCCESS ? Errno.OK : Errno.ENXIO;
  }

  /** Removes a table of shared pages so that a block can stand in its place. */
  private void dropTable(Pe pe, long ipa, int level) {
    rmm.rttReadEntry(pe, rd, ipa, level);
    if (pe.x2() == TABLE && rmm.rttDestroy(pe, rd, ipa, level + 1) == Status.SUCCESS) {
      giveBack(pe, pe.x1());
    }
  }

  Errno unmapShared(Pe pe, long ipa, int level) {
    long status = rmm.rttUnmapUnprotected(pe, rd, ipa, level);
    if (isRtt(status) && Status.index(status) > level) {
      dropTable(pe, ipa, level);
    }
    return status == Status.SUCCESS || isRtt(status) ? Errno.OK : Errno.ENXIO;
  }

  /**
   * Takes every page and every table below the roots back, skipping what is empty by {@code top}.
   */
  void tearDown(Pe pe) {
    long protectedEnd = 1L << (ipaBits - 1);
    for (long ipa = 0; ipa < protectedEnd; ) {
      long status = rmm.dataDestroy(pe, rd, ipa);
      long top = pe.x2();
      if (status == Status.SUCCESS) {
        undelegate(pe, pe.x1());
      } else if (!isRtt(status)) {
        break;
      } else if (top == ipa && !createTables(pe, ipa, Status.index(status), PAGE_LEVEL).ok()) {
        top = ipa + entrySize(Status.index(status));
      }
      // An entry that is live and was unfolded is tried again.
      ipa = top;
    }
    for (int level = PAGE_LEVEL; level > startLevel; level--) {
      tearDownLevel(pe, level);
    }
  }

  private void tearDownLevel(Pe pe, int level) {
    long end = 1L << ipaBits;
    for (long ipa = 0; ipa < end; ) {
      long status = rmm.rttDestroy(pe, rd, ipa, level);
      long table = pe.x1();
      long top = pe.x2();
      if (status == Status.SUCCESS) {
        giveBack(pe, table);
      } else if (!isRtt(status)) {
        break;
      }
      long size = entrySize(level - 1);
      long next = (ipa & -size) + size;
      // A live leaf is no table: `top` stays there, so step over it.
      ipa = top > ipa ? (top + size - 1) & -size : next;
    }
  }

  private void giveBack(Pe pe, long address) {
    if (!granules.giveBack(pe, address)) {
      leak(address, 1);
    }
  }

  private void undelegate(Pe pe, long pa) {
    leak(pa, granules.undelegate(pe, pa >>> PageLevel.PAGE_SHIFT, 1));
  }

  private void leak(long address, long count) {
    if (count != 0) {
      vm.leak(address >>> PageLevel.PAGE_SHIFT, count, "RMI_GRANULE_UNDELEGATE failed");
    }
  }
}
