package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;

/**
 * KVM_TDX_INIT_MEM_REGION: the pages a TD starts with, copied from the VMM's memory and, if it
 * wants, measured.
 *
 * <p>Page by page: guest_memfd gives the frame, then the page is mapped and added, or only added
 * where {@link BuildPopulation} has it mapped before, then extended in sixteen chunks. A failure
 * leaves the region advanced past what was done. Source: {@code arch/x86/kvm/vmx/tdx.c},
 * tdx_vcpu_init_mem_region, tdx_gmem_post_populate.
 */
final class MemRegion {
  private static final long MEASURE = 1;

  private final TdxVm td;

  MemRegion(TdxVm td) {
    this.td = td;
  }

  /** Carries the command out; what is left of the region comes back with the result. */
  long add(VcpuContext vcpu, VendorCommand c) {
    TdxVcpu v = TdxVm.vcpu(vcpu);
    Fields in = c.in();
    long flags = in.number("flags", 0);
    long source = in.number("source_addr", 0);
    long gpa = in.number("gpa", 0);
    long pages = in.number("nr_pages", 0);
    long end = gpa + (pages << 12);
    boolean valid =
        v.initialized
            && td.state == TdxVm.State.INITIALIZED
            && (flags & ~MEASURE) == 0
            && (source & 4095) == 0
            && (gpa & 4095) == 0
            && pages > 0
            && pages < 1L << 40
            && gpa >= 0
            && end > gpa
            && ((gpa >>> 12) & td.sharedGfnMask()) == 0
            && (((end - 1) >>> 12) & td.sharedGfnMask()) == 0;
    if (!valid) {
      return TdBuild.no(Errno.EINVAL);
    }
    td.vm().slotsLock().lock();
    long result = 0;
    try {
      while (pages > 0 && result == 0) {
        result = addPage(vcpu, c, source, gpa, (flags & MEASURE) != 0);
        if (result == 0) {
          source += 4096;
          gpa += 4096;
          pages--;
        }
      }
    } finally {
      td.vm().slotsLock().unlock();
    }
    c.out().put("source_addr", source).put("gpa", gpa).put("nr_pages", pages);
    return result;
  }

  private long addPage(VcpuContext vcpu, VendorCommand c, long source, long gpa, boolean measure) {
    long n =
        td.vm()
            .populate(
                gpa >>> 12,
                source,
                1,
                (gfn, pfn, user, order) -> add(vcpu, c, gfn, pfn, user, measure));
    return n < 0 ? n : 0;
  }

  private Errno add(
      VcpuContext vcpu, VendorCommand c, long gfn, long pfn, long user, boolean measure) {
    long from = td.vm().pinUserPage(user);
    if (from < 0) {
      return Errno.of((int) -from);
    }
    Errno added =
        td.mapsFirst() ? addMapped(c, gfn, pfn, from << 12) : mapAndAdd(vcpu, gfn, from << 12);
    td.vm().unpinUserPage(from);
    return added.ok() && measure ? extend(c, gfn << 12) : added;
  }

  /** The fault that maps the page also adds it. */
  private Errno mapAndAdd(VcpuContext vcpu, long gfn, long source) {
    if (td.vm().mappedPfn(gfn, true) >= 0) {
      // arch/x86/kvm/mmu/mmu.c, kvm_tdp_mmu_map_private_pfn: a fault that fixed nothing is an
      // error.
      return Errno.EIO;
    }
    td.pageAddSource = source;
    Errno mapped = td.vm().mapPage(vcpu, gfn << 12, true);
    td.pageAddSource = 0;
    return mapped;
  }

  /**
   * The page was mapped before and is only added now. Source: the series of 2024, tdx.c,
   * tdx_gmem_post_populate and kvm_tdp_mmu_get_walk_mirror_pfn; that nothing is mapped here is the
   * rule of KVM_MAP_MEMORY's cover letter.
   */
  private Errno addMapped(VendorCommand c, long gfn, long pfn, long source) {
    td.vm().mmuLock().lockShared();
    try {
      long mapped = td.vm().mappedPfn(gfn, true);
      if (mapped < 0) {
        return Errno.ENOENT;
      }
      if (mapped != pfn) {
        return Errno.EAGAIN;
      }
      long s = td.seam().call(SeamCall.MEM_PAGE_ADD, gfn << 12, td.tdr, pfn << 12, source);
      if (s != 0) {
        TdBuild.hardware(c, s, Errno.EIO);
        return SeamStatus.OPERAND_BUSY.is(s) ? Errno.EBUSY : Errno.EIO;
      }
      td.premapped().remove(gfn);
      return Errno.OK;
    } finally {
      td.vm().mmuLock().unlockShared();
    }
  }

  private Errno extend(VendorCommand c, long gpa) {
    for (long at = gpa; at < gpa + 4096; at += 256) {
      long s = td.seam().call(SeamCall.MR_EXTEND, at, td.tdr, 0, 0);
      if (s != 0) {
        c.out().put("hw_error", s);
        td.vm().bug("TDH.MR.EXTEND: " + SeamStatus.describe(s));
        return Errno.EIO;
      }
    }
    return Errno.OK;
  }
}
