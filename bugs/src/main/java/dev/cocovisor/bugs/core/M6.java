package dev.cocovisor.bugs.core;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.vm.SlotSteps;

/**
 * An unmapping of the VMM looks at the present root only, so a vCPU that still runs on a root made
 * invalid before keeps its translation.
 */
public final class M6 extends Bug {
  /** Creates the bug. */
  public M6() {
    super(
        "M6",
        Area.TDP_MMU,
        "default",
        "d62007edf01f",
        "An unmapping of the VMM looks at the present root only, so a vCPU that still runs on a"
            + " root made invalid before keeps its translation.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(SlotSteps.class, new Faulty());
  }

  /** The vCPUs leave the old root some time after it was made invalid. */
  private static final class Faulty extends SlotSteps {
    @Override
    public void zapAll(Runnable zap, Runnable flush) {
      zap.run();
    }
  }
}
