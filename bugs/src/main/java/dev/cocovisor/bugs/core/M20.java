package dev.cocovisor.bugs.core;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.attr.AttributeStore;
import dev.cocovisor.core.vm.PopulateSteps;

/**
 * Pages are filled at launch without a look at their attribute, so shared ones are given to the
 * guest.
 */
public final class M20 extends Bug {
  /** Creates the bug. */
  public M20() {
    super(
        "M20",
        Area.GUEST_MEMFD,
        "sev-snp",
        "e4ee54479273",
        "Pages are filled at launch without a look at their attribute, so shared ones are given to"
            + " the guest.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(PopulateSteps.class, new Faulty());
  }

  private static final class Faulty extends PopulateSteps {
    @Override
    public boolean mayFill(AttributeStore attributes, long gfn, long pages) {
      return true;
    }
  }
}
