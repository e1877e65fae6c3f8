package dev.cocovisor.bugs.cca;

import dev.cocovisor.cca.rmm.op.Safeguards;

/** DATA_MAP of the granule of the leaf table itself waits for the lock it holds. */
public final class M73 extends RmmBug {
  /** Creates the bug. */
  public M73() {
    super(
        "M73",
        "open in TF-RMM 9a7f8ef4",
        "DATA_MAP of the granule of the leaf table itself waits for the lock it holds.");
  }

  @Override
  Safeguards safeguards() {
    return new Safeguards() {
      @Override
      public boolean looksBeforeLocking() {
        return false;
      }
    };
  }
}
