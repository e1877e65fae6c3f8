package dev.cocovisor.bugs.cca;

import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.op.Stamp;
import dev.cocovisor.cca.rmm.rtt.Rtte;

/**
 * Bit 32 of a live entry's address is taken for the mark of an unfinished unmap, and cleared by
 * another.
 */
public final class M68 extends RmmBug {
  /** Creates the bug. */
  public M68() {
    super(
        "M68",
        "open in TF-RMM 9a7f8ef4",
        "Bit 32 of a live entry's address is taken for the mark of an unfinished unmap, and cleared"
            + " by another.");
  }

  @Override
  Safeguards safeguards() {
    return new Safeguards() {
      @Override
      public boolean isStamped(long e) {
        return Stamp.hasMark(e) && !Rtte.isTable(e);
      }
    };
  }
}
