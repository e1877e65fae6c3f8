package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.tdx.module.SeamCalls;
import dev.cocovisor.tdx.module.call.SeamCall;

/**
 * KVM_TDX_INIT_VCPU: the module's half of a vCPU.
 *
 * <p>All pages are allocated first. A page the module took stays with the vCPU until the vCPU is
 * freed, whatever fails later; a failure of the module is the host's bug. TDH.VP.INIT runs under
 * mmu_lock exclusive, because the module may take the TDR alone, which calls of the MMU that cannot
 * fail share. Whether the vCPU exits for bus locks and notify windows is settled here: what
 * KVM_ENABLE_CAP asks for later is for vCPUs to come. Source: Linux 7.3, {@code
 * arch/x86/kvm/vmx/tdx.c}, tdx_vcpu_init, tdx_td_vcpu_init; {@code lapic.c}, kvm_apic_set_base.
 */
final class VcpuInit {
  private final TdxVm td;

  VcpuInit(TdxVm td) {
    this.td = td;
  }

  long run(VcpuContext vcpu, VendorCommand c) {
    TdxVcpu v = TdxVm.vcpu(vcpu);
    if (c.in().number("flags", 0) != 0) {
      return td.no(Errno.EINVAL, "flags are reserved");
    }
    if (v.initialized) {
      return td.no(Errno.EINVAL, "the vCPU is initialized");
    }
    if (!v.x2apic) {
      return td.no(Errno.EINVAL, "the vCPU's CPUID has no X2APIC: KVM_SET_CPUID2 says so");
    }
    ControlPages pages = new ControlPages(td, v.tdcx.length + 1);
    if (!pages.complete()) {
      return td.no(Errno.ENOMEM, "no page for the vCPU's control structures");
    }
    if (v.lp < 0) {
      v.lp = td.seam().newProcessor();
    }
    SeamCalls seam = new SeamCalls(td.platform().module(), v.lp);
    v.seam = seam;
    long tdvpr = pages.take();
    long s = td.seam().call(SeamCall.VP_CREATE, tdvpr, td.tdr, 0, 0);
    if (td.bugOn(s, SeamCall.VP_CREATE)) {
      pages.giveBackWith(tdvpr);
      return TdxVm.failed(Errno.EIO);
    }
    v.tdvpr = tdvpr;
    while (v.tdcxCount < v.tdcx.length) {
      s = td.seam().call(SeamCall.VP_ADDCX, pages.peek(), tdvpr, 0, 0);
      if (td.bugOn(s, SeamCall.VP_ADDCX)) {
        pages.giveBack();
        return TdxVm.failed(Errno.EIO);
      }
      v.tdcx[v.tdcxCount++] = pages.take() >>> PageLevel.PAGE_SHIFT;
    }
    td.vm().mmuLock().lock();
    try {
      s = seam.vpInit(tdvpr, c.in().number("data", 0));
    } finally {
      td.vm().mmuLock().unlock();
    }
    td.seam().made(SeamCall.VP_INIT, tdvpr, s);
    if (td.bugOn(s, SeamCall.VP_INIT)) {
      return TdxVm.failed(Errno.EIO);
    }
    v.notifyExits = td.vm().notifyExits();
    v.busLockExits = td.vm().busLockExits();
    v.initialized = true;
    return 0;
  }
}
