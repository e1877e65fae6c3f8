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
abstract class RealmTables {
  static final int PAGE_LEVEL = 3;
  static final int BLOCK_LEVEL = 2;
  static final long PAGE = 4096;
  static final long BLOCK = 2L << 20;

  static final int BLOCK_PAGES = 512;
  static final long ASSIGNED = 1;
  static final long TABLE = 2;
  private static final long DESTROYED = 2;

  final VmContext vm;
  private final Rmi rmm;
  final Granules granules;
  final long rd;
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
      if (table < 0) {
        return Errno.ENOMEM; // alloc_rtt has one answer for both
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

  /** Assigns a delegated granule; EEXIST if the address has one. */
  abstract Errno assign(Pe pe, long ipa, long pa);

  /** Gives 2 MiB of contiguous pages to the realm as a block. */
  abstract Errno mapPrivateBlock(Pe pe, long ipa, long pa);

  /** Takes private pages away from the realm; their content is lost. */
  abstract Errno unmapPrivate(Pe pe, long ipa, int level);

  /**
   * Maps memory of the host into the shared half. If something is mapped there the new permission
   * replaces the old.
   */
  abstract Errno mapShared(Pe pe, long ipa, long pa, int level, boolean writable);

  /** Takes memory of the host out of the shared half. */
  abstract Errno unmapShared(Pe pe, long ipa, int level);

  /** Takes every private page back. */
  abstract void takePages(Pe pe, long protectedEnd);

  /**
   * Takes every page and every table below the roots back, skipping what is empty by {@code top}.
   */
  final void tearDown(Pe pe) {
    takePages(pe, 1L << (ipaBits - 1));
    for (int level = PAGE_LEVEL; level > startLevel; level--) {
      tearDownLevel(pe, level);
    }
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

  /** Returns the errno of a command that maps at the page level. */
  static Errno result(long status) {
    return status == Status.SUCCESS ? Errno.OK : isRtt(status) ? Errno.EEXIST : Errno.ENXIO;
  }

  /** Copies a page of the VMM's into a new realm. */
  Errno populatePage(Pe pe, long ipa, long pa, long source, boolean measure) {
    if (rmm.granuleDelegate(pe, pa) != Status.SUCCESS) {
      return Errno.ENXIO;
    }
    long flags = measure ? 1 : 0;
    long status = rmm.populate(pe, rd, pa, ipa, source, flags);
    if (isRtt(status) && Status.index(status) < PAGE_LEVEL) {
      Errno e = createTables(pe, ipa, Status.index(status), PAGE_LEVEL);
      status = e.ok() ? rmm.populate(pe, rd, pa, ipa, source, flags) : status;
    }
    if (status != Status.SUCCESS) {
      undelegate(pe, pa);
    }
    return result(status);
  }

  /** Removes a table of shared pages so that a block can stand in its place. */
  final void dropTable(Pe pe, long ipa, int level) {
    rmm.rttReadEntry(pe, rd, ipa, level);
    if (pe.x2() == TABLE && rmm.rttDestroy(pe, rd, ipa, level + 1) == Status.SUCCESS) {
      giveBack(pe, pe.x1());
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

  final void giveBack(Pe pe, long address) {
    granules.giveBack(pe, vm, address);
  }

  final void undelegate(Pe pe, long pa) {
    undelegate(pe, pa, 1);
  }

  final void undelegate(Pe pe, long pa, long count) {
    var _ = granules.undelegate(pe, vm, pa >>> PageLevel.PAGE_SHIFT, count);
  }
}
