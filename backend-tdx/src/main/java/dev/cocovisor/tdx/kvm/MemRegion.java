package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.kernel.KernelProfile;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.td.Mrtd;
import org.jspecify.annotations.Nullable;

/**
 * KVM_TDX_INIT_MEM_REGION: the pages a TD starts with, copied from the VMM's memory and, if it
 * wants, measured.
 *
 * <p>Page by page: guest_memfd gives the frame, then the page is mapped and added, or only added
 * where {@link BuildPopulation} has it mapped before, then extended in sixteen chunks. A failure
 * leaves the region advanced past what was done. Source: Linux 7.3, {@code arch/x86/kvm/vmx/tdx.c},
 * tdx_vcpu_init_mem_region, tdx_gmem_post_populate; {@code arch/x86/kvm/mmu/mmu.c},
 * kvm_tdp_mmu_map_private_pfn.
 */
final class MemRegion {
  private static final long MEASURE = 1;

  private final TdxVm td;
  private final boolean pageIsSource;
  private final Errno missingSource;

  MemRegion(TdxVm td) {
    this.td = td;
    KernelProfile kernel = td.vm().host().kernel();
    this.pageIsSource = kernel.on(TdxKernelRules.PAGE_IS_SOURCE);
    this.missingSource = kernel.on(TdxKernelRules.MISSING_SOURCE);
  }

  /** Carries the command out; what is left of the region comes back with the result. */
  long add(VcpuContext vcpu, VendorCommand c) {
    Fields in = c.in();
    long source = in.number("source_addr", 0);
    long gpa = in.number("gpa", 0);
    long pages = in.number("nr_pages", 0);
    String wrong = wrong(TdxVm.vcpu(vcpu), in.number("flags", 0));
    if (wrong != null) {
      return td.no(Errno.EINVAL, wrong);
    }
    if (TdCommands.unreadable(td, c)) {
      return td.no(Errno.EFAULT, TdCommands.NO_STRUCTURE);
    }
    wrong = wrong(source, gpa, pages);
    if (wrong != null) {
      return td.no(Errno.EINVAL, wrong);
    }
    boolean measure = (in.number("flags", 0) & MEASURE) != 0;
    long result = 0;
    while (pages != 0) {
      result = addPage(vcpu, c, source, gpa, measure);
      if (result < 0) {
        break;
      }
      source += source == 0 ? 0 : PageLevel.PAGE_SIZE;
      gpa += PageLevel.PAGE_SIZE;
      pages--;
    }
    c.out().put("source_addr", source).put("gpa", gpa).put("nr_pages", pages);
    return result;
  }

  /** Says what keeps the region from being looked at, in the kernel's order; null for nothing. */
  private static @Nullable String wrong(TdxVcpu v, long flags) {
    if (!v.initialized) {
      return "the vCPU is not initialized";
    }
    return (flags & ~MEASURE) != 0 ? "an unknown flag" : null;
  }

  /** Says what is wrong with the region once it was read; null for nothing. */
  private @Nullable String wrong(long source, long gpa, long pages) {
    boolean missing = source == 0 && !pageIsSource && missingSource == Errno.EINVAL;
    if ((source & (PageLevel.PAGE_SIZE - 1)) != 0 || missing) {
      return "source_addr is 0 or not aligned to a page";
    }
    if ((gpa & (PageLevel.PAGE_SIZE - 1)) != 0) {
      return "gpa is not aligned to a page";
    }
    return td.platform().regionCheck().wrong(gpa, pages, td.sharedGfnMask());
  }

  private long addPage(VcpuContext vcpu, VendorCommand c, long source, long gpa, boolean measure) {
    long gfn = gpa >>> PageLevel.PAGE_SHIFT;
    long n =
        td.vm()
            .populate(
                gfn,
                source,
                1,
                (at, pfn, user, order) -> populated(vcpu, c, at, pfn, user, measure));
    if (n < 0) {
      return td.no(
          Errno.of((int) -n), "the page at gfn 0x" + Long.toHexString(gfn) + " was not added");
    }
    return n == 1 ? 0 : td.no(Errno.EIO, "guest_memfd filled " + n + " pages");
  }

  private Errno populated(
      VcpuContext vcpu, VendorCommand c, long gfn, long pfn, long user, boolean measure) {
    if (user == 0 && !pageIsSource) {
      return td.refuse(missingSource, "source_addr is 0");
    }
    if (user == 0) {
      long itself = pfn << PageLevel.PAGE_SHIFT;
      Errno added = td.mapsFirst() ? addMapped(c, gfn, pfn, itself) : mapAndAdd(vcpu, gfn, itself);
      return added.ok() && measure ? extend(gfn << PageLevel.PAGE_SHIFT) : added;
    }
    long from = td.vm().pinUserPageToRead(user);
    if (from < 0) {
      return td.refuse(Errno.of((int) -from), "the source page is not mapped");
    }
    long source = from << PageLevel.PAGE_SHIFT;
    Errno added = td.mapsFirst() ? addMapped(c, gfn, pfn, source) : mapAndAdd(vcpu, gfn, source);
    td.vm().unpinUserPage(from);
    return added.ok() && measure ? extend(gfn << PageLevel.PAGE_SHIFT) : added;
  }

  /** The fault that maps the page also adds it. */
  private Errno mapAndAdd(VcpuContext vcpu, long gfn, long source) {
    if (td.pageAddSource != TdxVm.NO_SOURCE) {
      return td.bug("a page is being added already");
    }
    if (td.vm().mappedPfn(gfn, true) >= 0) {
      // A fault that fixed nothing is an error of kvm_tdp_mmu_map_private_pfn.
      return td.refuse(Errno.EIO, "the page is mapped already");
    }
    Errno filled = td.platform().topUpPamt();
    if (!filled.ok()) {
      return td.refuse(filled, "no pages for the PAMT");
    }
    td.pageAddSource = source;
    Errno mapped = td.vm().mapPage(vcpu, gfn << PageLevel.PAGE_SHIFT, true);
    td.pageAddSource = TdxVm.NO_SOURCE;
    return mapped;
  }

  /**
   * The page was mapped before and is only added now. Source: the series "KVM: Guest Memory
   * Pre-Population API" of April 2024, tdx.c, tdx_gmem_post_populate and
   * kvm_tdp_mmu_get_walk_mirror_pfn; that nothing is mapped here is the rule of KVM_MAP_MEMORY's
   * cover letter.
   */
  private Errno addMapped(VendorCommand c, long gfn, long pfn, long source) {
    td.vm().mmuLock().lockShared();
    try {
      long mapped = td.vm().mappedPfn(gfn, true);
      if (mapped < 0) {
        return td.refuse(Errno.ENOENT, "the page was not mapped by KVM_MAP_MEMORY");
      }
      if (mapped != pfn) {
        return td.refuse(Errno.EAGAIN, "another frame is mapped than guest_memfd has");
      }
      Errno backed = td.platform().pamtGet(pfn);
      if (!backed.ok()) {
        return td.refuse(backed, "no page for the PAMT");
      }
      long gpa = gfn << PageLevel.PAGE_SHIFT;
      long frame = pfn << PageLevel.PAGE_SHIFT;
      long s = td.seam().call(SeamCall.MEM_PAGE_ADD, gpa, td.tdr, frame, source);
      if (s != 0) {
        td.platform().pamtPut(pfn);
        c.out().put("hw_error", s);
        Errno e = SeamStatus.OPERAND_BUSY.is(s) ? Errno.EBUSY : Errno.EIO;
        return td.refuse(e, "TDH.MEM.PAGE.ADD: " + SeamStatus.describe(s));
      }
      td.premapped().remove(gfn);
      return td.referred(pfn);
    } finally {
      td.vm().mmuLock().unlockShared();
    }
  }

  private Errno extend(long gpa) {
    for (long at = gpa; at < gpa + PageLevel.PAGE_SIZE; at += Mrtd.CHUNK) {
      if (td.bugOn(td.seam().call(SeamCall.MR_EXTEND, at, td.tdr, 0, 0), SeamCall.MR_EXTEND)) {
        return Errno.EIO;
      }
    }
    return Errno.OK;
  }
}
