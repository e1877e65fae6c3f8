package dev.cocovisor.bugs.cca;

import dev.cocovisor.cca.rmm.op.Safeguards;

/** RTT_INIT_RIPAS over a stamped entry drops the mark, so the table can never be destroyed. */
public final class M70 extends RmmBug {
  /** Creates the bug. */
  public M70() {
    super(
        "M70",
        "open in TF-RMM 9a7f8ef4",
        "RTT_INIT_RIPAS over a stamped entry drops the mark, so the table can never be destroyed.");
  }

  @Override
  Safeguards safeguards() {
    return new Safeguards() {
      @Override
      public boolean initSparesStamps() {
        return false;
      }
    };
  }
}
