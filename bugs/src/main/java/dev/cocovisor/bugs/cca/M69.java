package dev.cocovisor.bugs.cca;

import dev.cocovisor.cca.rmm.op.Safeguards;

/** RTT_CREATE puts a table over a stamped block, and the unmap that goes on overwrites it. */
public final class M69 extends RmmBug {
  /** Creates the bug. */
  public M69() {
    super(
        "M69",
        "open in TF-RMM 9a7f8ef4",
        "RTT_CREATE puts a table over a stamped block, and the unmap that goes on overwrites it.");
  }

  @Override
  Safeguards safeguards() {
    return new Safeguards() {
      @Override
      public boolean createSparesStamps() {
        return false;
      }
    };
  }
}
