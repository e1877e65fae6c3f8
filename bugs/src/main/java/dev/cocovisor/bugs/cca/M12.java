package dev.cocovisor.bugs.cca;

import dev.cocovisor.cca.rmm.rtt.Rtte;
import dev.cocovisor.cca.rmm.table.Steps;

/** DATA_CREATE_UNKNOWN makes the address RAM, whatever the realm and its host had agreed on. */
public final class M12 extends RmmBug {
  /** Creates the bug. */
  public M12() {
    super(
        "M12",
        "84a1b161",
        "DATA_CREATE_UNKNOWN makes the address RAM, whatever the realm and its host had agreed"
            + " on.");
  }

  @Override
  Steps steps() {
    return new Steps() {
      @Override
      public int ripasOfUnknown(int ripas) {
        return Rtte.RIPAS_RAM;
      }
    };
  }
}
