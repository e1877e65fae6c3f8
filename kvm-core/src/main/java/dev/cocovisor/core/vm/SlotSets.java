package dev.cocovisor.core.vm;

import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.Place;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.api.sched.Srcu;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.slot.MemSlots;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The slots of a VM's two address spaces: immutable sets, swapped under slots_lock and read without
 * a lock, in a section of {@link #srcu}. Source: {@code virt/kvm/kvm_main.c}, kvm_replace_memslot,
 * kvm_swap_active_memslots.
 */
final class SlotSets implements Place {
  private static final VarHandle SET = MethodHandles.arrayElementVarHandle(MemSlots[].class);

  private final SlotSteps steps;
  private final ModelLock lock = new ModelLock("kvm->slots_lock");
  private final Srcu srcu = new Srcu("kvm->srcu");
  private final MemSlots[] sets = {MemSlots.empty(0), MemSlots.empty(1)};

  SlotSets(SlotSteps steps) {
    this.steps = steps;
  }

  /** Returns what readers of slots are counted by. */
  Srcu srcu() {
    return srcu;
  }

  ModelLock lock() {
    return lock;
  }

  MemSlots of(int as) {
    SchedulePoint.read(PointKind.SLOTS, this, as);
    return (MemSlots) SET.getAcquire(sets, as);
  }

  /**
   * Replaces a slot, moves its binding along, and begins a new generation; returns when nobody uses
   * the set before any more.
   */
  void publish(int as, @Nullable MemSlot old, @Nullable MemSlot now) {
    lock.assertExclusive();
    BackingStore store = now == null ? null : now.gmem();
    if (old != null && now != null && store != null) {
      store.rebind(old, now);
    }
    SchedulePoint.write(PointKind.SLOTS, this, as);
    SET.setRelease(sets, as, of(as).replace(old == null ? null : of(as).byId(old.id()), now, 2));
    steps.swapped(srcu);
  }

  @Override
  public String placeName(long as) {
    return as == 0 ? "memslots" : "memslots of address space " + as;
  }
}
