package com.example.cove.kvm;

import com.example.cove.tsm.SbiStatus;
import com.example.cove.tsm.Tsm;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VmContext;
import java.util.ArrayList;
import java.util.List;

/**
 * A TVM's birth and death, and the frames the host donates to it for as long as it lives: page
 * directory, control structure, vCPU state, table pages.
 *
 * <p>Source: the Linux series for CoVE, arch/riscv/kvm/cove.c, kvm_riscv_cove_vm_init,
 * kvm_riscv_cove_vcpu_init, kvm_riscv_cove_vm_destroy. Table pages are donated when the TSM asks
 * for them, not 2 MiB ahead as there. Calls are serialized by {@link TvmMemory}'s lock or come at
 * birth and death.
 */
final class TvmLife {
  private static final int DIRECTORY_ORDER = 2;
  private static final int STATE_ORDER = 1;

  private final VmContext vm;
  private final Covh covh;
  private final ConfidentialFrames frames;
  private final List<Donation> donated = new ArrayList<>();
  private final List<Region> regions = new ArrayList<>();
  private volatile long gid = -1;

  private record Donation(long pfn, int order) {}

  private record Region(long from, long to) {}

  TvmLife(VmContext vm, Covh covh, ConfidentialFrames frames) {
    this.vm = vm;
    this.covh = covh;
    this.frames = frames;
  }

  /** Returns the TVM's id, negative while there is none. */
  long gid() {
    return gid;
  }

  Errno create() {
    long directory = frames.allocate(DIRECTORY_ORDER);
    long state = directory == ConfidentialFrames.NONE ? directory : frames.allocate(STATE_ORDER);
    if (state != ConfidentialFrames.NONE) {
      long made = covh.create(directory << PageLevel.PAGE_SHIFT, state << PageLevel.PAGE_SHIFT);
      if (made > 0) {
        donated.add(new Donation(directory, DIRECTORY_ORDER));
        donated.add(new Donation(state, STATE_ORDER));
        gid = made;
        return Errno.OK;
      }
      free(state, STATE_ORDER);
    }
    if (directory != ConfidentialFrames.NONE) {
      free(directory, DIRECTORY_ORDER);
    }
    return Errno.ENOMEM;
  }

  Errno createVcpu(long id) {
    long state = frames.allocate(0);
    if (state == ConfidentialFrames.NONE) {
      return Errno.ENOMEM;
    }
    SbiStatus s = covh.createVcpu(gid, id, state << PageLevel.PAGE_SHIFT);
    if (s.ok()) {
      donated.add(new Donation(state, 0));
    } else {
      free(state, 0);
    }
    return Covh.errno(s);
  }

  /** Donates one page for the G-stage table. */
  Errno addTablePage() {
    long page = frames.allocate(0);
    if (page == ConfidentialFrames.NONE) {
      return Errno.ENOMEM;
    }
    SbiStatus s = covh.addTablePages(gid, page << PageLevel.PAGE_SHIFT, 1);
    if (s.ok()) {
      donated.add(new Donation(page, 0));
    } else {
      free(page, 0);
    }
    return Covh.errno(s);
  }

  /**
   * Declares a slot's memory confidential. A region stays when its slot goes, so a slot that comes
   * back into it needs no new one; after the launch there are no new ones at all.
   */
  Errno addRegion(SlotView slot) {
    long from = slot.baseGfn() << PageLevel.PAGE_SHIFT;
    long to = slot.endGfn() << PageLevel.PAGE_SHIFT;
    for (Region r : regions) {
      if (r.from() <= from && to <= r.to()) {
        return Errno.OK;
      }
    }
    SbiStatus s = covh.addRegion(gid, from, to - from);
    if (s.ok()) {
      regions.add(new Region(from, to));
    }
    // An overlap with another region, or no region any more: the slot does not fit this TVM.
    return s.ok() ? Errno.OK : Errno.EINVAL;
  }

  /** Ends the TVM and takes the donations back; false if the TSM still holds it. */
  boolean destroy() {
    if (gid < 0) {
      return true;
    }
    if (!covh.destroy(gid).ok()) {
      donated.forEach(d -> vm.leak(d.pfn(), 1L << d.order(), "sbi_covh_destroy_tvm failed"));
      return false;
    }
    gid = -1;
    donated.forEach(d -> free(d.pfn(), d.order()));
    donated.clear();
    return true;
  }

  private void free(long pfn, int order) {
    if (!frames.free(pfn, order)) {
      vm.leak(pfn, 1L << order, "sbi_covh_reclaim_pages failed");
    }
  }

  static {
    if (1 << DIRECTORY_ORDER != Tsm.DIRECTORY_PAGES || 1 << STATE_ORDER != Tsm.TVM_STATE_PAGES) {
      throw new IllegalStateException("the TSM asks for other numbers of pages");
    }
  }
}
