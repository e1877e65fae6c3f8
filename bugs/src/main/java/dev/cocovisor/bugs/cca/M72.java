package dev.cocovisor.bugs.cca;

import dev.cocovisor.cca.rmm.op.Safeguards;

/** RTT_DESTROY of a table that auxiliary trees use returns with the table's lock held. */
public final class M72 extends RmmBug {
  /** Creates the bug. */
  public M72() {
    super(
        "M72",
        "open in TF-RMM 9a7f8ef4",
        "RTT_DESTROY of a table that auxiliary trees use returns with the table's lock held.");
  }

  @Override
  Safeguards safeguards() {
    return new Safeguards() {
      @Override
      public boolean unlocksReferencedTable() {
        return false;
      }
    };
  }
}
