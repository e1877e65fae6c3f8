package dev.cocovisor.bugs.cca;

import dev.cocovisor.cca.rmm.op.Safeguards;

/**
 * A stopped unmap that stamped nothing pins nothing: its table is destroyed, and then gone on with.
 */
public final class M71 extends RmmBug {
  /** Creates the bug. */
  public M71() {
    super(
        "M71",
        "open in TF-RMM 9a7f8ef4",
        "A stopped unmap that stamped nothing pins nothing: its table is destroyed, and then gone"
            + " on with.");
  }

  @Override
  Safeguards safeguards() {
    return new Safeguards() {
      @Override
      public boolean pinsTables() {
        return false;
      }
    };
  }
}
