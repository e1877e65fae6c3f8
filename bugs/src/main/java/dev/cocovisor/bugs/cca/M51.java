package dev.cocovisor.bugs.cca;

import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.table.Steps;

/**
 * The realm's descriptor is kept where the arguments of RTT_CREATE do not fit, and the next command
 * meets it.
 */
public final class M51 extends RmmBug {
  /** Creates the bug. */
  public M51() {
    super(
        "M51",
        "6cc11542",
        "The realm's descriptor is kept where the arguments of RTT_CREATE do not fit, and the next"
            + " command meets it.");
  }

  @Override
  Steps steps() {
    return new Steps() {
      @Override
      public void misfit(GranuleTable granules, int descriptor) {}
    };
  }
}
