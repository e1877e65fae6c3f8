package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.ops.LifecycleOps.SlotChange;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.kernel.BindOrder;
import dev.cocovisor.core.kernel.GmemOnly;
import dev.cocovisor.core.kernel.KernelRules;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.slot.MemSlots;
import org.jspecify.annotations.Nullable;

/**
 * KVM_SET_USER_MEMORY_REGION and ..2: the checks in the kernel's order, then the change.
 *
 * <p>Delete and move are two-phase: the slot is first replaced by an invalid copy and its mappings
 * are flushed; only then is it taken away or moved. Binding a guest_memfd is two-phase too: what
 * the descriptor is, is checked before the slot is prepared; whether the file range is free, after.
 * Sources: {@code virt/kvm/kvm_main.c}, kvm_set_memory_region, kvm_set_memslot,
 * kvm_invalidate_memslot, check_memory_region_flags; {@code arch/x86/kvm/x86.c},
 * kvm_arch_prepare_memory_region, kvm_mmu_slot_apply_flags; {@code arch/x86/kvm/mmu/mmu.c},
 * kvm_arch_flush_shadow_memslot.
 */
final class MemoryRegions {
  private static final long MAX_NR_PAGES = (1L << 31) - 1;

  /** The flags that the first version of the ioctl knows. */
  private static final long V1_FLAGS = MemSlot.LOG_DIRTY | MemSlot.READONLY;

  private final Vm vm;
  private final boolean takesGmem;
  private final BindOrder order;
  private final GmemOnly gmemOnly;
  private long totalPages;

  MemoryRegions(Vm vm) {
    this.vm = vm;
    this.takesGmem =
        vm.rules().kernel().on(KernelRules.GMEM_USERS).mayBind(vm.traits().hasPrivateMemory());
    this.order = vm.rules().kernel().on(KernelRules.BIND_ORDER);
    this.gmemOnly = vm.rules().kernel().on(KernelRules.GMEM_ONLY);
  }

  /**
   * One call.
   *
   * @param v1 whether it is the ioctl without guest_memfd
   * @param fdOpen whether {@code fd} is open
   * @param store what {@code fd} names, null if it is no guest_memfd
   */
  Errno set(
      boolean v1,
      long slotNumber,
      long flags,
      long gpa,
      long size,
      long uaddr,
      long offset,
      boolean fdOpen,
      @Nullable BackingStore store) {
    if (v1 && (flags & ~V1_FLAGS) != 0) {
      return vm.refuse(
          Errno.EINVAL,
          () -> "flags 0x%x: the ioctl knows LOG_DIRTY and READONLY".formatted(flags));
    }
    int slots = vm.rules().arch().userSlots();
    if ((slotNumber & 0xffff) >= slots) {
      return vm.refuse(
          Errno.EINVAL,
          () -> "slot 0x%x: %d slots are userspace's".formatted(slotNumber & 0xffff, slots));
    }
    vm.slotsLock().lock();
    try {
      return locked(slotNumber, flags, gpa, size, uaddr, offset, fdOpen, store);
    } finally {
      vm.slotsLock().unlock();
    }
  }

  private Errno locked(
      long slotNumber,
      long flags,
      long gpa,
      long size,
      long uaddr,
      long offset,
      boolean fdOpen,
      @Nullable BackingStore store) {
    int asId = (int) (slotNumber >>> 16) & 0xffff;
    int id = (int) slotNumber & 0xffff;
    boolean gmem = (flags & MemSlot.GUEST_MEMFD) != 0;
    String wrong = malformed(asId, flags, gpa, size, uaddr, offset);
    if (wrong != null) {
      return vm.refuse(Errno.EINVAL, wrong);
    }
    MemSlots slots = vm.slotsOf(asId);
    MemSlot old = slots.byId(id);
    if (size == 0) {
      return old == null
          ? vm.refuse(Errno.EINVAL, () -> "slot %d: nothing to delete".formatted(id))
          : delete(old);
    }
    long base = gpa >>> PageLevel.PAGE_SHIFT;
    long npages = size >>> PageLevel.PAGE_SHIFT;
    SlotChange change = SlotChange.CREATE;
    if (old != null) {
      // Slots on a guest_memfd are immutable: they can only be deleted.
      String kept = vm.slotSteps().unchangeable(old, gmem, uaddr, npages, flags);
      if (kept != null) {
        return vm.refuse(Errno.EINVAL, kept);
      }
      if (base != old.baseGfn()) {
        change = SlotChange.MOVE;
      } else if (flags != old.flags()) {
        change = SlotChange.FLAGS_ONLY;
      } else {
        return Errno.OK;
      }
    }
    MemSlot other =
        change == SlotChange.FLAGS_ONLY ? null : slots.overlapping(id, base, base + npages);
    if (other != null) {
      return vm.refuse(
          Errno.EEXIST,
          () ->
              "slot %d overlaps slot %d at gfn 0x%x..0x%x"
                  .formatted(id, other.id(), other.baseGfn(), other.endGfn()));
    }
    if (gmem) {
      if (!fdOpen) {
        return vm.refuse(Errno.EBADF, "the descriptor for private memory is not open");
      }
      if (store == null) {
        return vm.refuse(Errno.EINVAL, "the descriptor for private memory is no guest_memfd");
      }
      Errno r = store.checkBind(vm.privateFiles(), offset, size);
      if (!r.ok()) {
        return r;
      }
    }
    int own = gmem && store != null && gmemOnly.of(store.servesShared()) ? MemSlot.GMEM_ONLY : 0;
    MemSlot now =
        new MemSlot(
            asId,
            id,
            base,
            npages,
            (int) flags | own,
            uaddr,
            gmem ? store : null,
            gmem ? offset >>> PageLevel.PAGE_SHIFT : 0);
    return apply(change, old, now);
  }

  /** The checks of the arguments alone, in the kernel's order; null where all hold. */
  private @Nullable String malformed(
      int asId, long flags, long gpa, long size, long uaddr, long offset) {
    boolean gmem = (flags & MemSlot.GUEST_MEMFD) != 0;
    if (!flagsValid(flags)) {
      return "flags that the VM type or their combination does not allow";
    }
    if (!aligned(size)) {
      return "memory_size is not whole pages";
    }
    if (!aligned(gpa)) {
      return "guest_phys_addr is not page aligned";
    }
    if (!aligned(uaddr)) {
      return "userspace_addr is not page aligned";
    }
    if (!vm.space().accessOk(uaddr, size)) {
      return "userspace_addr and memory_size leave user space";
    }
    if (gmem && (!aligned(offset) || wraps(offset, size))) {
      return "guest_memfd_offset is not page aligned, or the range wraps";
    }
    if (asId >= vm.rules().addressSpaces()) {
      return "the VM has no such address space";
    }
    if (wraps(gpa, size)) {
      return "guest_phys_addr and memory_size wrap";
    }
    return size >>> PageLevel.PAGE_SHIFT > MAX_NR_PAGES ? "more pages than a slot can have" : null;
  }

  private static boolean aligned(long bytes) {
    return (bytes & (PageLevel.PAGE_SIZE - 1)) == 0;
  }

  private static boolean wraps(long start, long size) {
    return Long.compareUnsigned(start + size, start) < 0;
  }

  private boolean flagsValid(long flags) {
    long valid = MemSlot.LOG_DIRTY | (takesGmem ? MemSlot.GUEST_MEMFD : 0);
    if ((flags & MemSlot.GUEST_MEMFD) != 0) {
      valid &= ~MemSlot.LOG_DIRTY;
    } else if (vm.traits().readonlySlots()) {
      valid |= MemSlot.READONLY;
    }
    if (!vm.traits().dirtyLogging()) {
      valid &= ~MemSlot.LOG_DIRTY;
    }
    return (flags & ~valid) == 0;
  }

  private Errno delete(MemSlot old) {
    invalidate(old);
    Errno r = vm.ops().prepareMemoryRegion(SlotChange.DELETE, old, null);
    if (!r.ok()) {
      vm.publish(old.asId(), old, old);
      return r;
    }
    vm.publish(old.asId(), old, null);
    totalPages -= old.npages();
    vm.ops().commitMemoryRegion(SlotChange.DELETE, old, null);
    unbind(old);
    old.free();
    return Errno.OK;
  }

  private Errno apply(SlotChange change, @Nullable MemSlot old, MemSlot wanted) {
    MemSlot now = vm.dirtyLog().prepared(old, wanted);
    if (change == SlotChange.MOVE && old != null) {
      invalidate(old);
    }
    SlotChange what = change;
    Errno r = vm.slotSteps().prepareAndBind(now, now.gmem(), order, () -> prepare(what, old, now));
    if (!r.ok()) {
      now.free();
      if (change == SlotChange.MOVE && old != null) {
        vm.publish(old.asId(), old, old);
      }
      return r;
    }
    vm.publish(now.asId(), old, now);
    if (change == SlotChange.CREATE) {
      totalPages += now.npages();
    }
    vm.ops().commitMemoryRegion(change, old, now);
    vm.allowMmuPages();
    if (old != null) {
      old.free();
    }
    if (change == SlotChange.FLAGS_ONLY && old != null) {
      vm.dirtyLog().applyFlags(old, now);
    }
    return Errno.OK;
  }

  private Errno prepare(SlotChange change, @Nullable MemSlot old, MemSlot now) {
    if (change == SlotChange.CREATE && totalPages + now.npages() < totalPages) {
      return vm.refuse(Errno.EINVAL, "the VM's slots would have more pages than can be counted");
    }
    if (change != SlotChange.FLAGS_ONLY && now.endGfn() - 1 > vm.rules().maxGfn()) {
      return vm.refuse(
          Errno.EINVAL,
          () ->
              "gfn 0x%x is beyond the last one, 0x%x"
                  .formatted(now.endGfn() - 1, vm.rules().maxGfn()));
    }
    return vm.ops().prepareMemoryRegion(change, old, now);
  }

  /** First phase of delete and move: nobody may use the slot, and nothing of it stays mapped. */
  private void invalidate(MemSlot old) {
    vm.publish(old.asId(), old, old.invalidated());
    vm.mmuLock().lock();
    try {
      if (old.gmem() != null) {
        vm.ops().gmemInvalidateRange(old.baseGfn(), old.endGfn());
      }
      if (vm.capabilities().zapsAllOnSlotChange()) {
        vm.secondStages().zapAllRoots();
      } else if (vm.secondStages()
          .zapLeafs(old.asId(), old.baseGfn(), old.endGfn(), SecondStage.BOTH, false)) {
        vm.flushRemoteTlbs();
      }
    } finally {
      vm.mmuLock().unlock();
    }
    vm.ops().guestMemoryReclaimed();
  }

  void unbind(MemSlot old) {
    BackingStore store = old.gmem();
    if (store != null) {
      store.unbind(old);
    }
  }
}
