package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.tdx.module.SeamCalls;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;

/**
 * The end of a TD: vCPUs are flushed, the key is freed, then every page comes back.
 *
 * <p>The order is the core's: private pages went with their guest_memfd, then the HKID, the vCPUs'
 * pages, the mirror's, the TD's. A page that cannot be reclaimed is leaked rather than given back
 * with a TD's content; where the HKID could not be freed, that is every page. Source: Linux 7.3,
 * {@code arch/x86/kvm/vmx/tdx.c}, tdx_mmu_release_hkid, tdx_flush_vp, smp_func_do_phymem_cache_wb,
 * tdx_vcpu_free, tdx_reclaim_control_page, tdx_reclaim_td_control_pages.
 */
final class Teardown {
  private static final int WRITE_BACK_TRIES = 10_000;

  private final TdxVm td;

  Teardown(TdxVm td) {
    this.td = td;
  }

  void releaseHkid() {
    if (!td.hasHkid()) {
      return;
    }
    for (VcpuContext v : td.vm().vcpus()) {
      if (v.vendorState() instanceof TdxVcpu t) {
        flush(t);
      }
    }
    long s = td.seam().call(SeamCall.MNG_VPFLUSHDONE, td.tdr, 0, 0, 0);
    if (SeamStatus.FLUSHVP_NOT_DONE.is(s) || td.bugOn(s, SeamCall.MNG_VPFLUSHDONE)) {
      return;
    }
    // A failure here shows in the next call.
    td.bugOn(writeBackCaches(), SeamCall.PHYMEM_CACHE_WB);
    s = td.seam().call(SeamCall.MNG_KEY_FREEID, td.tdr, 0, 0, 0);
    if (!td.bugOn(s, SeamCall.MNG_KEY_FREEID)) {
      td.platform().hkids().give(td.hkid);
      td.hkid = -1;
    }
  }

  private void flush(TdxVcpu v) {
    SeamCalls seam = v.seam;
    if (seam != null && v.initialized) {
      long s = seam.vpFlush(v.tdvpr);
      td.seam().made(SeamCall.VP_FLUSH, v.tdvpr, s);
      if (!SeamStatus.VCPU_NOT_ASSOCIATED.is(s)) {
        td.bugOn(s, SeamCall.VP_FLUSH);
      }
    }
  }

  private long writeBackCaches() {
    long s = td.seam().call(SeamCall.PHYMEM_CACHE_WB, 0, 0, 0, 0);
    for (int i = 1; SeamStatus.INTERRUPTED_RESUMABLE.is(s) && i < WRITE_BACK_TRIES; i++) {
      s = td.seam().call(SeamCall.PHYMEM_CACHE_WB, 1, 0, 0, 0);
    }
    return SeamStatus.NO_HKID_READY_TO_WBCACHE.is(s) ? 0 : s;
  }

  void freeVcpu(TdxVcpu v) {
    if (v.tdvpr == 0) {
      return;
    }
    for (int i = 0; i < v.tdcxCount; i++) {
      giveBack(v.tdcx[i]);
    }
    giveBack(v.tdvpr >>> PageLevel.PAGE_SHIFT);
    v.tdcxCount = 0;
    v.tdvpr = 0;
    v.initialized = false;
  }

  void freeTd() {
    for (int i = 0; i < td.tdcxCount; i++) {
      giveBack(td.tdcx[i]);
    }
    td.tdcxCount = 0;
    if (td.tdr != 0) {
      freeTdr(td.tdr);
      td.tdr = 0;
    }
  }

  /** The module may have touched the TDR with its own key up to now: that one is written back. */
  private void freeTdr(long tdr) {
    long pfn = tdr >>> PageLevel.PAGE_SHIFT;
    if (!reclaimed(pfn)) {
      return;
    }
    long keyed = td.platform().withKey(tdr, td.platform().globalHkid());
    long s = td.seam().call(SeamCall.PHYMEM_PAGE_WBINVD, keyed, 0, 0, 0);
    if (td.bugOn(s, SeamCall.PHYMEM_PAGE_WBINVD)) {
      lost(pfn, "TDH.PHYMEM.PAGE.WBINVD: " + SeamStatus.describe(s));
      return;
    }
    td.platform().clear(pfn, 1);
    td.platform().pamtPut(pfn);
    td.vm().host().memory().free(pfn, 0);
  }

  /** Reclaims a control page and frees its frame; it is lost where the module says no. */
  private void giveBack(long pfn) {
    if (reclaimed(pfn)) {
      td.platform().clear(pfn, 1);
      td.platform().pamtPut(pfn);
      td.vm().host().memory().free(pfn, 0);
    }
  }

  private void lost(long pfn, String why) {
    td.vm().leak(pfn, 1, why);
    td.platform().pamtLost(td.vm(), pfn);
  }

  /** __tdx_reclaim_page: a failure is told, and is nobody's bug but the host's. */
  private boolean reclaimed(long pfn) {
    if (td.hasHkid()) {
      lost(pfn, "the HKID could not be freed");
      return false;
    }
    long s = td.seam().call(SeamCall.PHYMEM_PAGE_RECLAIM, pfn << PageLevel.PAGE_SHIFT, 0, 0, 0);
    if (s != 0) {
      lost(pfn, "TDH.PHYMEM.PAGE.RECLAIM: " + SeamStatus.describe(s));
    }
    return s == 0;
  }
}
