package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.tdx.module.SeamCalls;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;

/**
 * The end of a TD: vCPUs are flushed, the key is freed, then every page comes back.
 *
 * <p>A page that cannot be reclaimed is leaked rather than given back with a TD's content. Source:
 * {@code arch/x86/kvm/vmx/tdx.c}, tdx_mmu_release_hkid, tdx_reclaim_page, tdx_vcpu_free,
 * tdx_vm_destroy.
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
    if (!done(SeamCall.MNG_VPFLUSHDONE, td.seam().call(SeamCall.MNG_VPFLUSHDONE, td.tdr, 0, 0, 0))
        || !done(SeamCall.PHYMEM_CACHE_WB, writeBackCaches())
        || !done(
            SeamCall.MNG_KEY_FREEID, td.seam().call(SeamCall.MNG_KEY_FREEID, td.tdr, 0, 0, 0))) {
      return;
    }
    td.platform().hkids().give(td.hkid);
    td.hkid = -1;
  }

  private void flush(TdxVcpu v) {
    SeamCalls seam = v.seam;
    if (seam != null && v.initialized) {
      long s = seam.vpFlush(v.tdvpr);
      td.seam().made(SeamCall.VP_FLUSH, v.tdvpr, s);
      if (s != 0 && !SeamStatus.VCPU_NOT_ASSOCIATED.is(s)) {
        td.vm().bug("TDH.VP.FLUSH: " + SeamStatus.describe(s));
      }
    }
  }

  private long writeBackCaches() {
    long s = td.seam().call(SeamCall.PHYMEM_CACHE_WB, 0, 0, 0, 0);
    for (int i = 0; SeamStatus.INTERRUPTED_RESUMABLE.is(s) && i < WRITE_BACK_TRIES; i++) {
      s = td.seam().call(SeamCall.PHYMEM_CACHE_WB, 1, 0, 0, 0);
    }
    return SeamStatus.NO_HKID_READY_TO_WBCACHE.is(s) ? 0 : s;
  }

  private boolean done(SeamCall leaf, long status) {
    if (status != 0) {
      td.vm().bug(leaf.callName() + ": " + SeamStatus.describe(status));
    }
    return status == 0;
  }

  void freeVcpu(TdxVcpu v) {
    if (v.tdvpr == 0) {
      return;
    }
    for (int i = 0; i < v.tdcxCount; i++) {
      giveBack(v.tdcx[i]);
    }
    giveBack(v.tdvpr >>> 12);
    v.tdvpr = 0;
    v.initialized = false;
  }

  void freeTd() {
    for (int i = 0; i < td.tdcxCount; i++) {
      giveBack(td.tdcx[i]);
    }
    td.tdcxCount = 0;
    if (td.tdr != 0) {
      giveBack(td.tdr >>> 12);
      td.tdr = 0;
    }
  }

  /** Reclaims a control page and frees its frame; it is lost where the key could not be freed. */
  void giveBack(long pfn) {
    long s = td.seam().call(SeamCall.PHYMEM_PAGE_RECLAIM, pfn << 12, 0, 0, 0);
    if (s == 0) {
      s = td.seam().call(SeamCall.PHYMEM_PAGE_WBINVD, pfn << 12, 0, 0, 0);
    }
    if (s != 0) {
      td.vm().leak(pfn, 1, "TDH.PHYMEM.PAGE.RECLAIM: " + SeamStatus.describe(s));
      return;
    }
    td.vm().host().memory().raw().zero(pfn, 1);
    td.vm().host().memory().free(pfn, 0);
  }
}
