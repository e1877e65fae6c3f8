package dev.cocovisor.core.vm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.core.mm.MmuNotifier;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.slot.MemSlots;

/**
 * What a VM does when the process's mappings change: its second stage gives up what was mapped from
 * there, and faults under way notice.
 *
 * <p>Every start has its end, whatever happens to the slots between: the sequence moves even where
 * no slot is hit, which costs a retry and no more. Source: {@code virt/kvm/kvm_main.c},
 * kvm_mmu_notifier_invalidate_range_start and _end, kvm_age_hva_range.
 */
final class UserMappings implements MmuNotifier {
  private final Vm vm;

  UserMappings(Vm vm) {
    this.vm = vm;
  }

  @Override
  public void invalidateRangeStart(long start, long end) {
    vm.mmuLock().lock();
    try {
      vm.invalidation().begin(Invalidation.Cause.USER_MAPPINGS);
      if (inSlots(start, end, this::invalidate)) {
        vm.flushRemoteTlbs();
      }
    } finally {
      vm.mmuLock().unlock();
    }
    vm.kernelAccess().userChangeBegins(start, end);
  }

  private boolean invalidate(MemSlot s, int as, long gfnStart, long gfnEnd) {
    vm.invalidation().add(gfnStart, gfnEnd);
    int roots = vm.sources().followingUserMappings();
    return vm.secondStages().zapLeafs(as, gfnStart, gfnEnd, roots, true);
  }

  /** Neither mmu_lock nor the sequence: nothing goes (CONFIG_KVM_MMU_LOCKLESS_AGING). */
  @Override
  public boolean young(long start, long end, boolean clear) {
    return inSlots(
        start,
        end,
        (_, as, gfnStart, gfnEnd) -> {
          SecondStage stage = vm.stage(as);
          return stage != null && stage.age(gfnStart, gfnEnd, clear);
        });
  }

  /** What is asked of the part of a slot that user addresses lie in. */
  private interface InSlot {
    boolean ask(MemSlot slot, int as, long gfnStart, long gfnEnd);
  }

  /** Asks of every slot over [start, end); tells whether one of them said yes. */
  private boolean inSlots(long start, long end, InSlot question) {
    boolean yes = false;
    for (int as = 0; as < vm.rules().addressSpaces(); as++) {
      MemSlots set = vm.slotsOf(as);
      for (int i = 0; i < set.size(); i++) {
        MemSlot s = set.at(i);
        long from = Math.max(start, s.userspaceAddr());
        long to = Math.min(end, s.userspaceAddr() + (s.npages() << PageLevel.PAGE_SHIFT));
        if (from < to) {
          long first = s.baseGfn() + ((from - s.userspaceAddr()) >>> PageLevel.PAGE_SHIFT);
          long behind = s.baseGfn() + ((to - s.userspaceAddr() + 4095) >>> PageLevel.PAGE_SHIFT);
          yes |= question.ask(s, as, first, behind);
        }
      }
    }
    return yes;
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
