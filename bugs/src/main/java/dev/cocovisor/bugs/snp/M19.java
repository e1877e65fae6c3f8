package dev.cocovisor.bugs.snp;

import dev.cocovisor.api.VmContext;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.explore.Search;
import dev.cocovisor.snp.kvm.RmpFaultSteps;

/**
 * An RMP fault warns of a PSMASH that failed because the page was taken from the guest meanwhile.
 */
public final class M19 extends Bug {
  /** Creates the bug. */
  public M19() {
    super(
        "M19",
        Area.SNP,
        "sev-snp",
        "71a47b7fdec3, 8b0c8531a5dc, 21e858d39516",
        "An RMP fault warns of a PSMASH that failed because the page was taken from the guest"
            + " meanwhile.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(RmpFaultSteps.class, new Faulty());
  }

  /** A huge page has many entries; one interruption is enough. */
  @Override
  public Search search() {
    return new Search.Preemptions(1);
  }

  private static final class Faulty extends RmpFaultSteps {
    @Override
    public void notSmashed(VmContext vm, long pfn, boolean stillHuge) {
      super.notSmashed(vm, pfn, true);
    }
  }
}
