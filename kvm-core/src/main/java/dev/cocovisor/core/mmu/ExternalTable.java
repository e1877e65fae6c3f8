package dev.cocovisor.core.mmu;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.HostMemory;

/**
 * Carries changes of the mirror to the vendor's table and owns the frames of its table pages.
 *
 * <p>Sources: {@code arch/x86/kvm/mmu/tdp_mmu.c}, __handle_changed_spte and handle_removed_pt;
 * 6.16's set_external_spte_present and remove_external_spte, which tell the changes apart; the TDX
 * huge page series for split.
 */
final class ExternalTable {
  private final MmuHost host;

  ExternalTable(MmuHost host) {
    this.host = host;
  }

  /** Takes a frame for a table page; -1 where memory is out. */
  long allocateTable(int cpu) {
    long pfn = host.memory().allocate(0, cpu);
    if (pfn == HostMemory.NO_FRAME) {
      return -1;
    }
    host.memory().raw().zero(pfn, 1);
    return pfn;
  }

  void giveTableBack(long pfn) {
    host.memory().free(pfn, 0);
  }

  Errno link(long gfn, int level, long sptPfn) {
    return host.ops().linkExternalSpt(gfn, PageLevel.of(level), sptPfn);
  }

  Errno set(long gfn, int level, long pfn) {
    return host.ops().setExternalSpte(gfn, PageLevel.of(level), pfn);
  }

  Errno split(long gfn, int level, long pfn, long sptPfn, boolean shared) {
    return host.ops().splitExternalSpt(gfn, PageLevel.of(level), pfn, sptPfn, shared);
  }

  /** Removes a leaf; failure is the vendor's bug, and its frame is lost. */
  void remove(long gfn, int level, long pfn) {
    Errno r = host.ops().removeExternalSpte(gfn, PageLevel.of(level), pfn);
    if (!r.ok()) {
      host.bug("remove_external_spte gfn 0x" + Long.toHexString(gfn) + ": " + r);
    }
  }

  void free(long gfn, int level, long sptPfn) {
    Errno r = host.ops().freeExternalSpt(gfn, PageLevel.of(level), sptPfn);
    if (r.ok()) {
      giveTableBack(sptPfn);
    } else {
      host.leak(sptPfn, 1, "free_external_spt: " + r);
    }
  }
}
