package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.ops.ExternalTableOps;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.sept.SeptEntry;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.sept.SeptTable;
import dev.cocovisor.tdx.module.td.Td;
import java.util.function.LongSupplier;

/**
 * Carries the mirror to the Secure EPT.
 *
 * <p><b>Adding</b> (mmu_lock shared): a busy lock sends the fault back to retry; anything else is a
 * bug. <b>Taking away</b> (mmu_lock exclusive) cannot fail: a busy lock can only be a vCPU's, so
 * all are kicked out and the call is made once more; what fails then is a bug. The order is block,
 * track, kick, then remove or demote. Levels of the module are KVM's minus one.
 *
 * <p>Source: Linux 7.3, {@code arch/x86/kvm/vmx/tdx.c}, tdx_sept_map_nonleaf_spte,
 * tdx_sept_map_leaf_spte, tdx_mem_page_add, tdx_mem_page_aug, tdx_sept_remove_leaf_spte,
 * tdh_do_no_vcpus, tdx_track, tdx_sept_free_private_spt; "KVM: TDX huge page support for private
 * memory" of 2025-04-24, patch 15, for the split.
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
    return gfn << PageLevel.PAGE_SHIFT | seamLevel(level);
  }

  private static long address(long pfn) {
    return pfn << PageLevel.PAGE_SHIFT;
  }

  Errno link(long gfn, PageLevel level, long sptPfn) {
    Errno backed = backed(sptPfn);
    return !backed.ok()
        ? backed
        : orPut(
            sptPfn,
            added(
                SeamCall.MEM_SEPT_ADD,
                td.seam()
                    .call(SeamCall.MEM_SEPT_ADD, operand(gfn, level), td.tdr, address(sptPfn), 0)));
  }

  /** The page that the module gets has its PAMT entry, with dynamic PAMT too. */
  private Errno backed(long pfn) {
    Errno r = td.platform().pamtGet(pfn);
    return r.ok() ? r : td.refuse(r, "no page for the PAMT");
  }

  private Errno orPut(long pfn, Errno result) {
    if (!result.ok()) {
      td.platform().pamtPut(pfn);
    }
    return result;
  }

  Errno set(long gfn, PageLevel level, long pfn) {
    if (td.policy() == PagePolicy.UPSTREAM && level != PageLevel.PG_4K) {
      return td.bug("a huge private leaf");
    }
    if (!td.runnable()) {
      return add(gfn, level, pfn);
    }
    boolean small = level == PageLevel.PG_4K;
    Errno mapped = small ? backed(pfn) : Errno.OK;
    if (!mapped.ok()) {
      return mapped;
    }
    mapped =
        added(
            SeamCall.MEM_PAGE_AUG,
            td.seam().call(SeamCall.MEM_PAGE_AUG, operand(gfn, level), td.tdr, address(pfn), 0));
    return mapped.ok() ? referred(pfn, level) : small ? orPut(pfn, mapped) : mapped;
  }

  /** The page is the TD's: from here on its folio is referred to, where KVM does that. */
  Errno referred(long pfn, PageLevel level) {
    if (td.platform().references() == FolioReferences.MAPPED) {
      for (long p = pfn; p < pfn + level.pages(); p++) {
        td.vm().host().memory().get(p);
      }
    }
    return Errno.OK;
  }

  /** The page is the TD's no more, or stays it for ever because the module would not give it up. */
  private Errno dereferred(long pfn, PageLevel level, Errno removed) {
    FolioReferences held = td.platform().references();
    boolean give = held == FolioReferences.MAPPED && removed.ok();
    boolean take = held == FolioReferences.ON_ERROR && !removed.ok();
    for (long p = pfn; (give || take) && p < pfn + level.pages(); p++) {
      if (give) {
        td.vm().host().memory().put(p);
      } else {
        td.vm().host().memory().get(p);
      }
    }
    if (!removed.ok()) {
      td.platform().pamtLost(td.vm(), pfn);
    }
    if (!removed.ok() && held != FolioReferences.NONE) {
      td.vm().leak(pfn, level.pages(), "the TD's page could not be removed");
    }
    return removed;
  }

  private Errno add(long gfn, PageLevel level, long pfn) {
    if (td.mapsFirst() && level == PageLevel.PG_4K) {
      td.premapped().put(gfn, pfn);
      return Errno.OK;
    }
    if (td.pageAddSource == TdxVm.NO_SOURCE || level != PageLevel.PG_4K) {
      return td.bug("a private page before the TD runs that KVM_TDX_INIT_MEM_REGION did not add");
    }
    Errno backed = backed(pfn);
    if (!backed.ok()) {
      return backed;
    }
    Errno added =
        added(
            SeamCall.MEM_PAGE_ADD,
            td.seam()
                .call(
                    SeamCall.MEM_PAGE_ADD,
                    operand(gfn, level),
                    td.tdr,
                    address(pfn),
                    td.pageAddSource));
    return added.ok() ? referred(pfn, level) : orPut(pfn, added);
  }

  private Errno added(SeamCall call, long status) {
    if (SeamStatus.OPERAND_BUSY.is(status)) {
      return td.refuse(Errno.EBUSY, call.callName() + " is busy: the fault is tried again");
    }
    return td.bugOn(status, call) ? Errno.EIO : Errno.OK;
  }

  /** Makes a call that only vCPUs can disturb: busy once, kick them all out and try again. */
  private long withoutVcpus(SeamCall leaf, long rcx, long rdx, long r8) {
    return withoutVcpus(() -> td.seam().call(leaf, rcx, rdx, r8, 0));
  }

  private long withoutVcpus(LongSupplier call) {
    long s = call.getAsLong();
    if (SeamStatus.OPERAND_BUSY.is(s)) {
      td.guestMode().lock();
      try {
        td.vm().kickVcpus();
        s = call.getAsLong();
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

  /** Begins a new TLB epoch and sends every vCPU of the old one out (tdx_track). */
  private void track() {
    if (!td.runnable()) {
      return;
    }
    td.bugOn(withoutVcpus(SeamCall.MEM_TRACK, td.tdr, 0, 0), SeamCall.MEM_TRACK);
    kickOut();
    // A vCPU that enters in the new epoch starts without translations.
    for (VcpuContext v : td.vm().vcpus()) {
      v.requestTlbFlush();
    }
  }

  private boolean blocked(long operand) {
    return !td.bugOn(
        withoutVcpus(SeamCall.MEM_RANGE_BLOCK, operand, td.tdr, 0), SeamCall.MEM_RANGE_BLOCK);
  }

  /** Takes a leaf away (tdx_sept_remove_leaf_spte). Private pages go before the HKID does. */
  Errno remove(long gfn, PageLevel level, long pfn) {
    if (td.premapped().remove(gfn)) {
      // The Secure EPT never had it.
      return Errno.OK;
    }
    return dereferred(pfn, level, removed(gfn, level, pfn));
  }

  private Errno removed(long gfn, PageLevel level, long pfn) {
    if (!td.hasHkid()) {
      return td.bug("a private page is taken away from a TD without HKID");
    }
    if (td.policy() == PagePolicy.UPSTREAM && level != PageLevel.PG_4K) {
      return td.bug("a huge private leaf");
    }
    long operand = operand(gfn, level);
    if (!blocked(operand)) {
      return Errno.EIO;
    }
    track();
    long s = withoutVcpus(SeamCall.MEM_PAGE_REMOVE, operand, td.tdr, 0);
    if (td.bugOn(s, SeamCall.MEM_PAGE_REMOVE)) {
      return Errno.EIO;
    }
    if (!written(pfn, level)) {
      return Errno.EIO;
    }
    if (level == PageLevel.PG_4K) {
      td.platform().pamtPut(pfn);
    }
    return Errno.OK;
  }

  /** Writes a removed page's lines back, with the key they were used with, and clears it. */
  private boolean written(long pfn, PageLevel level) {
    for (long p = pfn; p < pfn + level.pages(); p++) {
      long keyed = td.platform().withKey(address(p), td.hkid);
      long s = td.seam().call(SeamCall.PHYMEM_PAGE_WBINVD, keyed, 0, 0, 0);
      if (td.bugOn(s, SeamCall.PHYMEM_PAGE_WBINVD)) {
        return false;
      }
    }
    td.platform().clear(pfn, level.pages());
    return true;
  }

  Errno split(long gfn, PageLevel level, long pfn, long sptPfn, boolean shared) {
    if (shared) {
      return splitInFault(gfn);
    }
    if (!td.hasHkid()) {
      return td.bug("a split in a TD without HKID");
    }
    Errno backed = td.platform().topUpPamt();
    backed = backed.ok() ? backed(sptPfn) : td.refuse(backed, "no pages for the PAMT");
    if (!backed.ok()) {
      return backed;
    }
    long operand = operand(gfn, level);
    if (!blocked(operand)) {
      return orPut(sptPfn, Errno.EIO);
    }
    track();
    DynamicPamt pamt = td.platform().pamt();
    long[] s = new long[1];
    if (pamt == null) {
      s[0] = demoted(operand, sptPfn, 0, 0);
    } else if (!pamt.split(pfn, (a, b) -> demoted(operand, sptPfn, a, b), s).ok()) {
      return orPut(sptPfn, td.bug("the cache of PAMT pages was filled and is empty"));
    }
    return orPut(sptPfn, td.bugOn(s[0], SeamCall.MEM_PAGE_DEMOTE) ? Errno.EIO : Errno.OK);
  }

  private long demoted(long operand, long sptPfn, long first, long second) {
    long s = demote(operand, sptPfn, first, second);
    // RFC v1 goes on for as long as host interrupts come; later versions want a module that does
    // not stop.
    while (td.policy() == PagePolicy.RFC_V1 && SeamStatus.INTERRUPTED_RESTARTABLE.is(s)) {
      s = demote(operand, sptPfn, first, second);
    }
    return s;
  }

  private long demote(long operand, long sptPfn, long first, long second) {
    return withoutVcpus(() -> td.seam().demote(operand, td.tdr, address(sptPfn), first, second));
  }

  /** RFC v1 ignores a split in a fault: the vCPU's next try asks for the size that is there. */
  private Errno splitInFault(long gfn) {
    if (td.policy() != PagePolicy.RFC_V1) {
      return td.refuse(Errno.EAGAIN, "a leaf is split under the exclusive lock only");
    }
    for (VcpuContext v : td.vm().vcpus()) {
      if (v.vendorState() instanceof TdxVcpu t
          && PageLevel.PG_2M.alignDown(t.hintGfn) == PageLevel.PG_2M.alignDown(gfn)) {
        t.hintLevel = PageLevel.PG_2M;
      }
    }
    return td.refuse(Errno.EBUSY, "a split in a fault is ignored: the guest tries again");
  }

  Errno free(long sptPfn) {
    if (td.hasHkid()) {
      td.platform().pamtLost(td.vm(), sptPfn);
      return td.bug("a Secure-EPT page freed while the TD has its HKID");
    }
    long s = td.seam().call(SeamCall.PHYMEM_PAGE_RECLAIM, address(sptPfn), 0, 0, 0);
    if (s != 0) {
      td.platform().pamtLost(td.vm(), sptPfn);
      return td.refuse(Errno.EIO, "TDH.PHYMEM.PAGE.RECLAIM: " + SeamStatus.describe(s));
    }
    td.platform().clear(sptPfn, 1);
    td.platform().pamtPut(sptPfn);
    return Errno.OK;
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
        return same
            ? SeptEntry.hpa(e, table.level()) >>> PageLevel.PAGE_SHIFT
            : ExternalTableOps.NONE;
      }
      if (table.level() <= seamLevel(level)) {
        return ExternalTableOps.NONE;
      }
      table = table.child(i);
    }
    return ExternalTableOps.NONE;
  }
}
