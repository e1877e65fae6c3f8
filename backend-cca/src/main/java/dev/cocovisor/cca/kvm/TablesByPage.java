package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;

/** A realm's tables under RMI 1.0: one call a page, and a block is a table that was folded. */
final class TablesByPage extends RealmTables {
  private static final long MEMATTR_NORMAL = 6 << 2;
  private static final long S2AP_READ = 1 << 6;
  private static final long S2AP_WRITE = 1 << 7;

  private final Rmi1 rmm;

  TablesByPage(VmContext vm, Rmi1 rmm, Granules granules, long rd, int startLevel, int ipaBits) {
    super(vm, rmm, granules, rd, startLevel, ipaBits);
    this.rmm = rmm;
  }

  /** Assigns a delegated granule; EEXIST if the address has one. */
  @Override
  Errno assign(Pe pe, long ipa, long pa) {
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

  /** Gives 2 MiB of contiguous pages to the realm and folds their table into a block. */
  @Override
  Errno mapPrivateBlock(Pe pe, long ipa, long pa) {
    long delegated = granules.delegate(pe, pa >>> PageLevel.PAGE_SHIFT, BLOCK_PAGES);
    if (delegated < BLOCK_PAGES) {
      undelegate(pe, pa, delegated);
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
      if (done > 0) {
        // The way back loses what the realm had there, and it has to give it up itself.
        vm.host().warn("realm_map_protected", done + " pages before the one refused are DESTROYED");
      }
      undelegate(pe, pa, BLOCK_PAGES);
      return e;
    }
    // A table that does not fold works as well; it only costs a page.
    if (rmm.rttFold(pe, rd, ipa, PAGE_LEVEL) == Status.SUCCESS) {
      giveBack(pe, pe.x1());
    }
    return Errno.OK;
  }

  /** Takes private pages away from the realm; their content is lost. */
  @Override
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
  @Override
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

  @Override
  Errno unmapShared(Pe pe, long ipa, int level) {
    long status = rmm.rttUnmapUnprotected(pe, rd, ipa, level);
    if (isRtt(status) && Status.index(status) > level) {
      dropTable(pe, ipa, level);
    }
    return status == Status.SUCCESS || isRtt(status) ? Errno.OK : Errno.ENXIO;
  }

  @Override
  void takePages(Pe pe, long protectedEnd) {
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
  }
}
