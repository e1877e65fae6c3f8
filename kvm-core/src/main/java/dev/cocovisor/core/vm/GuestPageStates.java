package dev.cocovisor.core.vm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.kernel.KernelRules;
import dev.cocovisor.core.kernel.PageAttributes;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.slot.MemSlots;

/** Which guest frames are private: by the VM's own attributes, or by those of the files. */
abstract class GuestPageStates {
  /** Returns what the kernel of a VM has. */
  static GuestPageStates of(Vm vm) {
    return vm.rules().kernel().on(KernelRules.ATTRIBUTES) == PageAttributes.OF_THE_FILE
        ? new OfFiles(vm)
        : new OfVm(vm);
  }

  /** Tells whether a frame is private. */
  abstract boolean isPrivate(long gfn);

  /** Tells whether every frame of a half-open range is private, or shared. */
  abstract boolean rangeIs(long start, long end, boolean isPrivate);

  /** Tells whether all frames of the aligned page of a level agree. */
  abstract boolean isUniform(long gfn, PageLevel level);

  /** Tells whether files keep the states. */
  abstract boolean ofFiles();

  /** KVM_SET_MEMORY_ATTRIBUTES. */
  private static final class OfVm extends GuestPageStates {
    private final Vm vm;

    OfVm(Vm vm) {
      this.vm = vm;
    }

    @Override
    boolean isPrivate(long gfn) {
      SchedulePoint.read(PointKind.ATTRIBUTE, vm.attributes(), 0);
      return (vm.attributes().get(gfn) & MemoryAttributesIoctl.PRIVATE) != 0;
    }

    @Override
    boolean rangeIs(long start, long end, boolean isPrivate) {
      int mask = MemoryAttributesIoctl.PRIVATE;
      return vm.attributes().rangeIs(start, end, mask, isPrivate ? mask : 0);
    }

    @Override
    boolean isUniform(long gfn, PageLevel level) {
      return vm.attributes().isUniform(gfn, level);
    }

    @Override
    boolean ofFiles() {
      return false;
    }
  }

  /**
   * KVM_SET_MEMORY_ATTRIBUTES2: a frame is what its slot's file says of its page; without a slot,
   * or with the file closed, it is shared. Source: {@code virt/kvm/guest_memfd.c} (7.4),
   * kvm_gmem_is_private.
   */
  private static final class OfFiles extends GuestPageStates {
    private final Vm vm;

    OfFiles(Vm vm) {
      this.vm = vm;
    }

    @Override
    boolean isPrivate(long gfn) {
      MemSlot slot = vm.slotsOf(0).find(gfn);
      BackingStore store = slot == null ? null : slot.gmem();
      if (slot == null || store == null) {
        return false;
      }
      SchedulePoint.read(PointKind.ATTRIBUTE, vm.slotsOf(0), 0);
      return store.isPrivate(slot.gmemIndex(gfn));
    }

    @Override
    boolean rangeIs(long start, long end, boolean isPrivate) {
      MemSlots slots = vm.slotsOf(0);
      long gfn = start;
      for (int i = slots.firstEndingAfter(start); gfn < end; i++) {
        MemSlot slot = i < slots.size() ? slots.at(i) : null;
        if (slot == null || slot.baseGfn() > gfn) {
          // A gap is shared.
          if (isPrivate) {
            return false;
          }
          if (slot == null || slot.baseGfn() >= end) {
            return true;
          }
          gfn = slot.baseGfn();
        }
        long to = Math.min(end, slot.endGfn());
        BackingStore store = slot.gmem();
        boolean same =
            store == null
                ? !isPrivate
                : store.allAre(slot.gmemIndex(gfn), slot.gmemIndex(to), isPrivate);
        if (!same) {
          return false;
        }
        gfn = to;
      }
      return true;
    }

    @Override
    boolean isUniform(long gfn, PageLevel level) {
      long first = level.alignDown(gfn);
      return rangeIs(first, first + level.pages(), isPrivate(gfn));
    }

    @Override
    boolean ofFiles() {
      return true;
    }
  }
}
