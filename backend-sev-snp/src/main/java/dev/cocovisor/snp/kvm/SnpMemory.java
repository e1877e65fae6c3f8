package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VmType;
import dev.cocovisor.snp.rmp.Rmp;
import dev.cocovisor.snp.rmp.RmpOutcome;
import org.jspecify.annotations.Nullable;

/**
 * The guest_memfd hooks of an SNP VM: pages become the guest's at first use and the host's again
 * when their folio is freed.
 *
 * <p>The hooks look at the RMP's assigned bit and nothing else: a page that another VM left
 * assigned counts as prepared. Source: {@code arch/x86/kvm/svm/sev.c}, sev_gmem_make_private,
 * sev_gmem_make_shared, sev_gmem_max_mapping_level (7.3; up to 6.17 sev_gmem_prepare,
 * sev_gmem_invalidate, sev_private_max_mapping_level).
 */
final class SnpMemory {
  private final SevVm sev;
  private final SnpHost host;
  private final Rmp rmp;

  SnpMemory(SevVm sev) {
    this.sev = sev;
    this.host = sev.platform().host();
    this.rmp = sev.platform().rmp();
  }

  Errno prepare(long gfn, long pfn, int order) {
    if (!sev.isSnp()) {
      return Errno.OK;
    }
    if (!rmp.covers(pfn)) {
      return sev.refuse(Errno.ENOENT, "the RMP does not cover the page");
    }
    if (rmp.assigned(pfn)) {
      return Errno.OK;
    }
    // One record of preparedness covers the folio, so all of it has to become the guest's.
    long pages = 1L << order;
    long offset = pfn & (pages - 1);
    for (long i = -offset; i < pages - offset; ) {
      // Where a 2 MiB entry fits, none of its pages is assigned.
      boolean huge = hugeAt(gfn + i, pfn + i, pages - offset - i);
      long step = huge ? PageLevel.PG_2M.pages() : 1;
      Errno r = !huge && rmp.assigned(pfn + i) ? Errno.OK : give(pfn + i, gfn + i, huge);
      if (!r.ok()) {
        return r;
      }
      i += step;
    }
    return Errno.OK;
  }

  private boolean hugeAt(long gfn, long pfn, long left) {
    return left >= PageLevel.PG_2M.pages()
        && sev.platform().settings().hugePages()
        && PageLevel.PG_2M.aligned(gfn)
        && PageLevel.PG_2M.aligned(pfn)
        && !rmp.regionAssigned(pfn);
  }

  private Errno give(long pfn, long gfn, boolean huge) {
    Errno r = host.makePrivate(sev.context(), pfn, gfn << PAGE_SHIFT, huge, sev.info().asid, false);
    return r.ok() ? r : sev.refuse(Errno.EINVAL, "RMPUPDATE did not give the page to the guest");
  }

  Errno makeShared(long pfn, long count) {
    if (!sev.isSnp()) {
      return Errno.OK;
    }
    invalidate(pfn, pfn + count);
    for (long p = pfn; p < pfn + count; p++) {
      if (rmp.assigned(p)) {
        return sev.refuse(Errno.EIO, "a page of the range stays assigned");
      }
    }
    return Errno.OK;
  }

  /** Never fails: what cannot be taken back goes to the allocator still assigned. */
  void invalidate(long start, long end) {
    if (!sev.type().equals(VmType.X86_SNP)) {
      return;
    }
    for (long pfn = start; pfn < end; ) {
      if (!rmp.assigned(pfn)) {
        pfn++;
        continue;
      }
      boolean huge = rmp.huge(pfn);
      boolean whole = huge && PageLevel.PG_2M.aligned(pfn) && end >= pfn + 512;
      if (huge && !whole) {
        // A failure is only warned of; the update below then fails as well.
        warn(pfn, host.psmash(sev.context(), pfn) == RmpOutcome.OK, "PSMASH");
        if (rmp.huge(pfn)) {
          pfn++;
          continue;
        }
      }
      warn(pfn, host.makeShared(sev.context(), pfn, whole).ok(), "RMPUPDATE");
      pfn += whole ? 512 : 1;
    }
  }

  private void warn(long pfn, boolean done, String what) {
    if (!done) {
      String page = "pfn 0x" + Long.toHexString(pfn);
      sev.platform()
          .machine()
          .warn("sev_gmem_make_shared", what + " failed, " + page + " is freed assigned");
    }
  }

  @Nullable PageLevel maxMappingLevel(long pfn) {
    if (!sev.isSnp()) {
      return null;
    }
    // A 2 MiB entry of a guest's page is assigned.
    return rmp.huge(pfn) ? PageLevel.PG_2M : PageLevel.PG_4K;
  }
}
