package dev.cocovisor.bugs.core;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.vm.Invalidation;

/**
 * An invalidation that ends does not move the sequence, so a fault that began before it sees
 * nothing.
 */
public final class StillSequence extends Bug {
  /** Creates the bug. */
  public StillSequence() {
    super(
        "still-sequence",
        Area.INVALIDATION,
        "sw-protected",
        "virt/kvm/kvm_main.c, kvm_mmu_invalidate_end",
        "An invalidation that ends does not move the sequence, so a fault that began before it sees"
            + " nothing.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(Invalidation.Factory.class, Faulty::new);
  }

  private static final class Faulty extends Invalidation {
    @Override
    protected void move() {}
  }
}
