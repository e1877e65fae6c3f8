package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.sched.Srcu;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.kernel.BindOrder;
import dev.cocovisor.core.slot.MemSlot;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The steps of a slot update whose order keeps faults, files and updates apart; a part that a host
 * can be given another of. Source: {@code virt/kvm/kvm_main.c}, kvm_set_memory_region,
 * kvm_set_memslot, kvm_swap_active_memslots, kvm_prepare_memory_region (7.3).
 */
public class SlotSteps {
  /** Creates the kernel's steps. */
  public SlotSteps() {}

  /** Says what of a slot that exists would change and cannot; null for nothing. */
  public @Nullable String unchangeable(
      MemSlot old, boolean gmem, long userAddress, long npages, long flags) {
    if (gmem) {
      return "a slot with a guest_memfd can only be deleted";
    }
    if (userAddress != old.userspaceAddr()) {
      return "userspace_addr of a slot cannot change";
    }
    if (npages != old.npages()) {
      return "memory_size of a slot cannot change";
    }
    return ((flags ^ old.flags()) & (MemSlot.READONLY | MemSlot.GUEST_MEMFD)) != 0
        ? "READONLY and GUEST_MEMFD of a slot cannot change"
        : null;
  }

  /** Prepares a slot and binds it to its file, if it has one, in the kernel's order. */
  public Errno prepareAndBind(
      MemSlot slot, @Nullable BackingStore store, BindOrder order, Supplier<Errno> prepare) {
    return store == null
        ? prepare.get()
        : order.run(() -> store.bind(slot), () -> store.unbind(slot), prepare);
  }

  /** Another set of slots stands: waits until nobody uses the one before. */
  public void swapped(Srcu readers) {
    readers.synchronize();
  }

  /**
   * Takes everything mapped away at once (kvm_mmu_zap_all_fast); mmu_lock is held exclusive.
   *
   * @param zap drops the roots
   * @param flush makes every vCPU drop what it cached
   */
  public void zapAll(Runnable zap, Runnable flush) {
    zap.run();
    flush.run();
  }
}
