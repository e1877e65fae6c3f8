package dev.cocovisor.core.vm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.core.attr.AttributeStore;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.slot.MemSlots;

/**
 * The attributes of a VM whose files keep them: a frame is what its slot's file says of its page;
 * without a slot, or with the file closed, it is shared. Nothing is kept here. Source: {@code
 * virt/kvm/guest_memfd.c} (7.4), kvm_gmem_is_private.
 */
final class FileAttributes implements AttributeStore {
  private static final int PRIVATE = MemoryAttributesIoctl.PRIVATE;

  private final Vm vm;

  FileAttributes(Vm vm) {
    this.vm = vm;
  }

  @Override
  public int get(long gfn) {
    MemSlot slot = vm.slotsOf(0).find(gfn);
    BackingStore store = slot == null ? null : slot.gmem();
    if (slot == null || store == null) {
      return 0;
    }
    SchedulePoint.read(PointKind.ATTRIBUTE, this, 0);
    return store.isPrivate(slot.gmemIndex(gfn)) ? PRIVATE : 0;
  }

  @Override
  public boolean isUniform(long gfn, PageLevel level) {
    long first = level.alignDown(gfn);
    return rangeIs(first, first + level.pages(), PRIVATE, get(gfn));
  }

  @Override
  public boolean rangeIs(long start, long end, int mask, int want) {
    return (mask & PRIVATE) == 0 || allAre(start, end, (want & PRIVATE) != 0);
  }

  private boolean allAre(long start, long end, boolean isPrivate) {
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

  /** The VM's ioctl takes no attribute and changes none (recorded: in-place fact 1). */
  @Override
  public void set(long start, long end, int value) {}
}
