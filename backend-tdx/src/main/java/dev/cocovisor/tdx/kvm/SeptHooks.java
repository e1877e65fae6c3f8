package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.ops.ExternalTableOps;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.sept.SeptTable;
import dev.cocovisor.tdx.module.td.Td;

/**
 * Carries the mirror to the Secure EPT.
 *
 * <p><b>Adding</b> (mmu_lock shared): a busy lock sends the fault back to retry; anything else is a
 * bug. <b>Taking away</b> (mmu_lock exclusive) cannot fail: a busy lock can only be a vCPU's, so
 * all are kicked out and the call is made once more; what fails then is a bug. The order is block,
 * track, kick, then remove or demote. Levels of the module are KVM's minus one.
 *
 * <p>Source: {@code arch/x86/kvm/vmx/tdx.c}, tdx_sept_link_private_spt, tdx_mem_page_aug,
 * tdx_sept_remove_private_spte, tdh_do_no_vcpus, tdx_track; RFC v1 patch 15 for the split.
 */
final class SeptHooks {
  private final TdxVm td;

  SeptHooks(TdxVm td) {
    this.td = td;
  }

  private static int seamLevel(PageLevel level) {
    return level.number() - 1;
  }

  private static long operand(long gfn, PageLevel level) {
    return gfn << 12 | seamLevel(level);
  }

  Errno link(long gfn, PageLevel level, long sptPfn) {
    if (aboveRoot(level)) {
      return Errno.OK;
    }
    long s = td.seam().call(SeamCall.MEM_SEPT_ADD, operand(gfn, level), td.tdr, sptPfn << 12, 0);
    return added(s, "TDH.MEM.SEPT.ADD");
  }

  /** The mirror's topmost tables have no counterpart in a Secure EPT of four levels. */
  private boolean aboveRoot(PageLevel level) {
    return level.number() > td.rootLevel();
  }

  Errno set(long gfn, PageLevel level, long pfn) {
    if (!td.runnable()) {
      return add(gfn, level, pfn);
    }
    if (td.policy() == PagePolicy.UPSTREAM && level != PageLevel.PG_4K) {
      return bug("a huge private leaf");
    }
    long s = td.seam().call(SeamCall.MEM_PAGE_AUG, operand(gfn, level), td.tdr, pfn << 12, 0);
    return added(s, "TDH.MEM.PAGE.AUG");
  }

  private Errno add(long gfn, PageLevel level, long pfn) {
    if (td.mapsFirst() && level == PageLevel.PG_4K) {
      td.premapped().put(gfn, pfn);
      return Errno.OK;
    }
    if (td.pageAddSource == 0 || level != PageLevel.PG_4K) {
      return bug("a private page before the TD runs that KVM_TDX_INIT_MEM_REGION did not add");
    }
    long s =
        td.seam()
            .call(SeamCall.MEM_PAGE_ADD, operand(gfn, level), td.tdr, pfn << 12, td.pageAddSource);
    return added(s, "TDH.MEM.PAGE.ADD");
  }

  private Errno added(long status, String call) {
    if (status == 0) {
      return Errno.OK;
    }
    if (SeamStatus.OPERAND_BUSY.is(status)) {
      return Errno.EBUSY;
    }
    return bug(call + ": " + SeamStatus.describe(status));
  }

  private Errno bug(String why) {
    td.vm().bug(why);
    return Errno.EIO;
  }

  /** Makes a call that only vCPUs can disturb: busy once, kick them all out and try again. */
  private long withoutVcpus(SeamCall leaf, long rcx, long rdx, long r8) {
    long s = td.seam().call(leaf, rcx, rdx, r8, 0);
    if (SeamStatus.OPERAND_BUSY.is(s)) {
      td.guestMode().lock();
      try {
        td.vm().kickVcpus();
        s = td.seam().call(leaf, rcx, rdx, r8, 0);
      } finally {
        td.guestMode().unlock();
      }
    }
    return s;
  }

  /** Sends every vCPU out of the guest; back it may come at once. */
  private void kickOut() {
    td.guestMode().lock();
    try {
      td.vm().kickVcpus();
    } finally {
      td.guestMode().unlock();
    }
  }

  /** Begins a new TLB epoch and sends every vCPU of the old one out. */
  private boolean track() {
    if (!td.runnable()) {
      return true;
    }
    long s = withoutVcpus(SeamCall.MEM_TRACK, td.tdr, 0, 0);
    if (s != 0) {
      bug("TDH.MEM.TRACK: " + SeamStatus.describe(s));
      return false;
    }
    kickOut();
    // A vCPU that enters in the new epoch starts without translations.
    for (VcpuContext v : td.vm().vcpus()) {
      v.requestTlbFlush();
    }
    return true;
  }

  private boolean blockAndTrack(long operand) {
    long s = withoutVcpus(SeamCall.MEM_RANGE_BLOCK, operand, td.tdr, 0);
    if (s != 0) {
      bug("TDH.MEM.RANGE.BLOCK: " + SeamStatus.describe(s));
      return false;
    }
    return track();
  }

  Errno remove(long gfn, PageLevel level, long pfn) {
    if (td.premapped().remove(gfn)) {
      // The Secure EPT never had it.
      return Errno.OK;
    }
    if (!td.hasHkid()) {
      return reclaim(pfn, level) ? Errno.OK : Errno.EIO;
    }
    long operand = operand(gfn, level);
    if (!blockAndTrack(operand)) {
      return Errno.EIO;
    }
    long s = withoutVcpus(SeamCall.MEM_PAGE_REMOVE, operand, td.tdr, 0);
    if (s != 0) {
      return bug("TDH.MEM.PAGE.REMOVE: " + SeamStatus.describe(s));
    }
    return writeBack(pfn, level) ? Errno.OK : Errno.EIO;
  }

  /** Frees a page of a TD whose key is gone, and cleans it. */
  private boolean reclaim(long pfn, PageLevel level) {
    long s = td.seam().call(SeamCall.PHYMEM_PAGE_RECLAIM, pfn << 12, 0, 0, 0);
    if (s != 0) {
      bug("TDH.PHYMEM.PAGE.RECLAIM: " + SeamStatus.describe(s));
      return false;
    }
    return writeBack(pfn, level);
  }

  /** Writes a freed page's lines back, with the key they were used with, and clears it. */
  private boolean writeBack(long pfn, PageLevel level) {
    for (long p = pfn; p < pfn + level.pages(); p++) {
      long s = td.seam().call(SeamCall.PHYMEM_PAGE_WBINVD, p << 12, 0, 0, 0);
      if (s != 0) {
        bug("TDH.PHYMEM.PAGE.WBINVD: " + SeamStatus.describe(s));
        return false;
      }
    }
    td.vm().host().memory().raw().zero(pfn, level.pages());
    return true;
  }

  Errno split(long gfn, PageLevel level, long sptPfn, boolean shared) {
    if (shared) {
      return splitInFault(gfn);
    }
    long operand = operand(gfn, level);
    if (!blockAndTrack(operand)) {
      return Errno.EIO;
    }
    long s = withoutVcpus(SeamCall.MEM_PAGE_DEMOTE, operand, td.tdr, sptPfn << 12);
    // RFC v1 goes on for as long as host interrupts come; later versions want a module that does
    // not stop.
    while (td.policy() == PagePolicy.RFC_V1 && SeamStatus.INTERRUPTED_RESTARTABLE.is(s)) {
      s = withoutVcpus(SeamCall.MEM_PAGE_DEMOTE, operand, td.tdr, sptPfn << 12);
    }
    return s == 0 ? Errno.OK : bug("TDH.MEM.PAGE.DEMOTE: " + SeamStatus.describe(s));
  }

  /** RFC v1 ignores a split in a fault: the vCPU's next try asks for the size that is there. */
  private Errno splitInFault(long gfn) {
    if (td.policy() != PagePolicy.RFC_V1) {
      // Later versions split under the exclusive lock only.
      return Errno.EAGAIN;
    }
    for (VcpuContext v : td.vm().vcpus()) {
      if (v.vendorState() instanceof TdxVcpu t
          && PageLevel.PG_2M.alignDown(t.hintGfn) == PageLevel.PG_2M.alignDown(gfn)) {
        t.hintLevel = PageLevel.PG_2M;
      }
    }
    return Errno.EBUSY;
  }

  Errno free(PageLevel level, long sptPfn) {
    if (aboveRoot(level)) {
      return Errno.OK;
    }
    if (td.hasHkid()) {
      return bug("a Secure-EPT page freed while the TD has its HKID");
    }
    return reclaim(sptPfn, PageLevel.PG_4K) ? Errno.OK : Errno.EIO;
  }

  /** Reads what the Secure EPT maps at a level, without a SEAMCALL. */
  long mapped(long gfn, PageLevel level) {
    Td t = td.td();
    SeptTable table = t == null ? null : t.root();
    while (table != null) {
      int i = (int) (gfn >>> (9 * table.level())) & 511;
      long e = table.get(i);
      if (SeptState.of(e).leaf()) {
        boolean same = table.level() == seamLevel(level);
        return same ? (e & 0x000ffffffffff000L) >>> 12 & -level.pages() : ExternalTableOps.NONE;
      }
      if (table.level() <= seamLevel(level)) {
        return ExternalTableOps.NONE;
      }
      table = table.child(i);
    }
    return ExternalTableOps.NONE;
  }
}
