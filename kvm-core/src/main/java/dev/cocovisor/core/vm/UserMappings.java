package dev.cocovisor.core.vm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.core.mm.MmuNotifier;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.slot.MemSlots;

/**
 * What a VM does when the process's mappings change: its second stage gives up what was mapped from
 * there, and faults under way notice.
 *
 * <p>Every start has its end, whatever happens to the slots between: the sequence moves even where
 * no slot is hit, which costs a retry and no more. Source: {@code virt/kvm/kvm_main.c},
 * kvm_mmu_notifier_invalidate_range_start and _end.
 */
final class UserMappings implements MmuNotifier {
  private final Vm vm;

  UserMappings(Vm vm) {
    this.vm = vm;
  }

  @Override
  public void invalidateRangeStart(long start, long end) {
    boolean flush = false;
    vm.mmuLock().lock();
    try {
      vm.invalidation().begin(Invalidation.Cause.USER_MAPPINGS);
      for (int as = 0; as < vm.rules().addressSpaces(); as++) {
        MemSlots set = vm.slotsOf(as);
        for (int i = 0; i < set.size(); i++) {
          flush |= invalidate(set.at(i), as, start, end);
        }
      }
      if (flush) {
        vm.flushRemoteTlbs();
      }
    } finally {
      vm.mmuLock().unlock();
    }
    vm.kernelAccess().userChangeBegins(start, end);
  }

  private boolean invalidate(MemSlot s, int as, long start, long end) {
    long from = Math.max(start, s.userspaceAddr());
    long to = Math.min(end, s.userspaceAddr() + (s.npages() << PageLevel.PAGE_SHIFT));
    if (from >= to) {
      return false;
    }
    long gfnStart = s.baseGfn() + ((from - s.userspaceAddr()) >>> PageLevel.PAGE_SHIFT);
    long gfnEnd = s.baseGfn() + ((to - s.userspaceAddr() + 4095) >>> PageLevel.PAGE_SHIFT);
    vm.invalidation().add(gfnStart, gfnEnd);
    int roots = vm.sources().followingUserMappings();
    return vm.zapLeafs(as, gfnStart, gfnEnd, roots, true);
  }

  @Override
  public void invalidateRangeEnd(long start, long end) {
    vm.mmuLock().lock();
    try {
      vm.invalidation().end(Invalidation.Cause.USER_MAPPINGS);
    } finally {
      vm.mmuLock().unlock();
    }
    vm.kernelAccess().userChangeEnds();
  }
}
