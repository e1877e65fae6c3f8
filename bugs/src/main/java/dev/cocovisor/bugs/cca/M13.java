package dev.cocovisor.bugs.cca;

import dev.cocovisor.cca.rmm.rtt.Rtte;
import dev.cocovisor.cca.rmm.table.Steps;

/** Folding a table of shared pages loses the attributes that the host gave them. */
public final class M13 extends RmmBug {
  /** Creates the bug. */
  public M13() {
    super(
        "M13",
        "15fc44e4",
        "Folding a table of shared pages loses the attributes that the host gave them.");
  }

  /** Memory attributes, permissions and what else a host chooses of a shared page. */
  private static final long ATTRIBUTES = 0x3fcL | 7L << 53;

  @Override
  Steps steps() {
    return new Steps() {
      @Override
      public long folded(long first) {
        return Rtte.kind(first) == Rtte.ASSIGNED_NS ? first & ~ATTRIBUTES : first;
      }
    };
  }
}
