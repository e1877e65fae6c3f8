package dev.cocovisor.bugs.cca;

import dev.cocovisor.cca.rmm.rtt.Rtte;
import dev.cocovisor.cca.rmm.table.Steps;

/** A shared block is mapped over a table that stands there, which is lost. */
public final class M58 extends RmmBug {
  /** Creates the bug. */
  public M58() {
    super(
        "M58",
        "fa67e004, 62c986d8",
        "A shared block is mapped over a table that stands there, which is lost.");
  }

  @Override
  Steps steps() {
    return new Steps() {
      @Override
      public boolean isFree(long e) {
        return super.isFree(e) || Rtte.isTable(e);
      }
    };
  }
}
