package dev.cocovisor.bugs.core;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.mmu.RetPf;
import dev.cocovisor.core.vm.FaultSteps;

/**
 * Pre-population of a slot that is being deleted tries again inside the reader section for whose
 * end the deletion waits.
 */
public final class M4 extends Bug {
  /** Creates the bug. */
  public M4() {
    super(
        "M4",
        Area.TDP_MMU,
        "sw-protected",
        "3ccbf6f47098, 2bc2694fe20b",
        "Pre-population of a slot that is being deleted tries again inside the reader section for"
            + " whose end the deletion waits.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(FaultSteps.class, new Faulty());
  }

  private static final class Faulty extends FaultSteps {
    @Override
    public int slotInvalid(boolean prefetch) {
      return RetPf.RETRY;
    }
  }
}
