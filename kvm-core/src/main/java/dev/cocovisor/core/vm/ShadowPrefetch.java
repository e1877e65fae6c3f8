package dev.cocovisor.core.vm;

import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.mmu.PageFault;
import dev.cocovisor.core.mmu.Spte;
import dev.cocovisor.core.slot.MemSlot;

/**
 * The neighbours that the shadow MMU maps with a page: of the eight entries around it those whose
 * pages the process has writable already. Source: {@code arch/x86/kvm/mmu/mmu.c} (7.3),
 * direct_pte_prefetch, __direct_pte_prefetch and kvm_mmu_prefetch_sptes; {@code
 * virt/kvm/kvm_main.c}, kvm_prefetch_pages.
 */
final class ShadowPrefetch {
  private static final int ENTRIES = 8;

  private final Vm vm;

  ShadowPrefetch(Vm vm) {
    this.vm = vm;
  }

  /** Maps the neighbours of the page that {@code f} mapped at 4 KiB; mmu_lock is held. */
  void around(Vcpu vcpu, PageFault f) {
    if (vm.invalidation().active()) {
      return;
    }
    long first = f.gfn & -ENTRIES;
    long run = -1;
    for (long gfn = first; gfn < first + ENTRIES; gfn++) {
      boolean there = gfn == f.gfn || Spte.isLeaf(vcpu.stage().walk(gfn, false));
      if (!there) {
        run = run < 0 ? gfn : run;
      } else if (run >= 0) {
        if (!many(vcpu, run, gfn)) {
          return;
        }
        run = -1;
      }
    }
    if (run >= 0) {
      var _ = many(vcpu, run, first + ENTRIES);
    }
  }

  /** Maps a run of missing entries up to the first page that cannot be had at once. */
  private boolean many(Vcpu vcpu, long from, long to) {
    MemSlot slot = vcpu.slotOf(from);
    if (slot == null
        || slot.isInvalid()
        || slot.isDirtyLogged()
        || slot.isReadonly()
        || to > slot.endGfn()) {
      return false;
    }
    long gfn = from;
    while (gfn < to) {
      long e = vm.space().peek(slot.userAddressOf(gfn));
      if (e == 0 || !AddressSpace.isWritable(e)) {
        break;
      }
      PageFault f = vcpu.neighbour();
      f.gfn = gfn;
      f.pfn = AddressSpace.frameOf(e);
      f.slot = slot;
      f.mapWritable = true;
      f.maxLevel = 1;
      f.goalLevel = 1;
      f.prefetch = true;
      f.cpu = vcpu.cpu();
      var _ = vcpu.stage().map(f, vcpu);
      gfn++;
    }
    return gfn > from;
  }
}
