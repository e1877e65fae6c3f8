package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.slot.MemSlots;
import org.jspecify.annotations.Nullable;

/**
 * KVM_SET_MEMORY_ATTRIBUTES: validate, invalidate with the huge pages around head and tail, store,
 * end the invalidation.
 *
 * <p>Sources: {@code virt/kvm/kvm_main.c}, kvm_vm_ioctl_set_mem_attributes and
 * kvm_vm_set_mem_attributes; {@code arch/x86/kvm/mmu/mmu.c}, kvm_arch_pre_set_memory_attributes;
 * the split before the zap is the TDX huge page series'.
 */
final class MemoryAttributesIoctl {
  /** KVM_MEMORY_ATTRIBUTE_PRIVATE. */
  static final int PRIVATE = 8;

  private final Vm vm;

  MemoryAttributesIoctl(Vm vm) {
    this.vm = vm;
  }

  Errno set(long address, long size, long attributes, long flags) {
    String wrong = malformed(address, size, attributes, flags);
    if (wrong != null) {
      return vm.refuse(Errno.EINVAL, wrong);
    }
    long start = address >>> PageLevel.PAGE_SHIFT;
    long end = (address + size) >>> PageLevel.PAGE_SHIFT;
    vm.slotsLock().lock();
    try {
      if (vm.rules().filesKeepAttributes()) {
        // Nothing is kept by the VM, so that there is nothing to change.
        return Errno.OK;
      }
      if (vm.attributes().rangeIs(start, end, 0xff, (int) attributes)) {
        return Errno.OK;
      }
      return vm.attributes().reserve(start, end, vm.rules().attributeEntries())
          ? change(start, end, (int) attributes)
          : vm.refuse(Errno.ENOMEM, "no memory for an entry of every page of the range");
    } finally {
      vm.slotsLock().unlock();
    }
  }

  private @Nullable String malformed(long address, long size, long attributes, long flags) {
    if (flags != 0) {
      return "flags must be 0";
    }
    if ((attributes & ~vm.rules().supportedAttributes()) != 0) {
      return vm.rules().supportedAttributes() == 0
          ? "the VM type has no memory attributes"
          : "PRIVATE is the only attribute there is";
    }
    if (size == 0 || Long.compareUnsigned(address + size, address) < 0) {
      return "size is 0, or address and size wrap";
    }
    return ((address | size) & (PageLevel.PAGE_SIZE - 1)) != 0
        ? "address or size is not page aligned"
        : null;
  }

  private Errno change(long start, long end, int attributes) {
    vm.mmuLock().lock();
    boolean slotHit;
    try {
      Errno r = Errno.OK;
      if (vm.stage().hasPrivateRoot() && vm.rules().splitsAllFirst()) {
        r = vm.stage().splitBoundaryLeafs(start, end);
        if (!r.ok()) {
          vm.flushRemoteTlbs();
          return r;
        }
      }
      int before = vm.invalidation().openings();
      r = invalidate(start, end, attributes);
      slotHit = vm.invalidation().openings() != before;
      if (!r.ok()) {
        if (slotHit) {
          vm.invalidation().end(Invalidation.Cause.ATTRIBUTES);
        }
        return r;
      }
    } finally {
      vm.mmuLock().unlock();
    }
    SchedulePoint.write(PointKind.ATTRIBUTE, vm.attributes(), 0);
    vm.attributes().set(start, end, attributes);
    if ((attributes & PRIVATE) != 0) {
      vm.kernelAccess().becomesPrivate(start, end);
    }
    if (slotHit) {
      vm.mmuLock().lock();
      vm.invalidation().end(Invalidation.Cause.ATTRIBUTES);
      vm.mmuLock().unlock();
    }
    return Errno.OK;
  }

  /**
   * Opens an invalidation over the slots of a range and zaps, slot by slot: huge leaves that the
   * range cuts are split right before, so that memory that runs out at a later slot leaves the
   * earlier ones zapped, and the attributes as they were. The cover letter of "KVM: TDX huge page
   * support for private memory" (2025-04-24) says so, and that the call can be made again.
   */
  private Errno invalidate(long start, long end, int attributes) {
    boolean begun = false;
    boolean flush = false;
    Errno r = Errno.OK;
    for (int as = 0; r.ok() && as < vm.rules().addressSpaces(); as++) {
      MemSlots slots = vm.slotsOf(as);
      for (int i = slots.firstEndingAfter(start); i < slots.size(); i++) {
        MemSlot slot = slots.at(i);
        if (slot.baseGfn() >= end) {
          break;
        }
        if (!begun) {
          begun = true;
          vm.invalidation().begin(Invalidation.Cause.ATTRIBUTES);
        }
        long from = Math.max(start, slot.baseGfn());
        long to = Math.min(end, slot.endGfn());
        vm.invalidation().add(from, to);
        addHugePagesAround(slot, from, to);
        if (as == 0) {
          r = vm.stage().hasPrivateRoot() ? vm.stage().splitBoundaryLeafs(from, to) : Errno.OK;
          if (!r.ok()) {
            flush = true;
            break;
          }
          // Becoming private unmaps what is shared, and the other way round.
          flush |=
              vm.stage()
                  .zapLeafs(
                      from, to, vm.secondStages().rootsOf((attributes & PRIVATE) == 0), false);
        }
      }
    }
    if (flush) {
      vm.flushRemoteTlbs();
    }
    return r;
  }

  /** A huge page cut by the range must not be installed while the change goes on. */
  private void addHugePagesAround(MemSlot slot, long from, long to) {
    for (int l = 2; l <= 3; l++) {
      PageLevel level = PageLevel.of(l);
      long head = level.alignDown(from);
      long tail = level.alignDown(to - 1);
      addIfUsable(slot, level, head);
      addIfUsable(slot, level, tail);
    }
  }

  private void addIfUsable(MemSlot slot, PageLevel level, long gfn) {
    if (gfn >= slot.baseGfn()
        && gfn + level.pages() <= slot.endGfn()
        && vm.attributes().isUniform(gfn, level)) {
      vm.invalidation().addHugePage(gfn, gfn + level.pages());
    }
  }
}
