package dev.cocovisor.core.vm;

import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.slot.MemSlots;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The slots of a VM's two address spaces: immutable sets, swapped under slots_lock and read without
 * a lock. Source: {@code virt/kvm/kvm_main.c}, kvm_replace_memslot, kvm_swap_active_memslots.
 */
final class SlotSets {
  private static final VarHandle SET = MethodHandles.arrayElementVarHandle(MemSlots[].class);

  private final ModelLock lock = new ModelLock("kvm->slots_lock");
  private final MemSlots[] sets = {MemSlots.empty(0), MemSlots.empty(1)};

  ModelLock lock() {
    return lock;
  }

  MemSlots of(int as) {
    return (MemSlots) SET.getAcquire(sets, as);
  }

  /** Replaces a slot, moves its binding along, and begins a new generation. */
  void publish(int as, @Nullable MemSlot old, @Nullable MemSlot now) {
    lock.assertExclusive();
    BackingStore store = now == null ? null : now.gmem();
    if (old != null && now != null && store != null) {
      store.rebind(old, now);
    }
    SET.setRelease(sets, as, of(as).replace(old == null ? null : of(as).byId(old.id()), now, 2));
  }
}
