package dev.cocovisor.bugs.core;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.vm.FaultSteps;

/** Pre-population takes an address with the shared bit for another address. */
public final class M21 extends Bug {
  /** Creates the bug. */
  public M21() {
    super(
        "M21",
        Area.TDP_MMU,
        "tdx",
        "8046d29dde17, aa2024c01a9a",
        "Pre-population takes an address with the shared bit for another address.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(FaultSteps.class, new Faulty());
  }

  private static final class Faulty extends FaultSteps {
    @Override
    public boolean isAlias(long gfn, long mask) {
      return false;
    }
  }
}
