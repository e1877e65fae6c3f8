package dev.cocovisor.bugs.core;

import dev.cocovisor.api.sched.Srcu;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.vm.SlotSteps;

/** A slot is deleted without waiting for the faults that found it. */
public final class NoSrcu extends Bug {
  /** Creates the bug. */
  public NoSrcu() {
    super(
        "no-srcu",
        Area.SLOTS,
        "sw-protected",
        "virt/kvm/kvm_main.c, kvm_swap_active_memslots",
        "A slot is deleted without waiting for the faults that found it.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(SlotSteps.class, new Faulty());
  }

  private static final class Faulty extends SlotSteps {
    @Override
    public void swapped(Srcu readers) {}
  }
}
