package dev.cocovisor.bugs.cca;

import dev.cocovisor.cca.rmm.rtt.Rtte;
import dev.cocovisor.cca.rmm.table.Steps;

/** A table of shared pages is folded though the host gave them different attributes. */
public final class M14 extends RmmBug {
  /** Creates the bug. */
  public M14() {
    super(
        "M14",
        "8865ec3b",
        "A table of shared pages is folded though the host gave them different attributes.");
  }

  /** Memory attributes, permissions and what else a host chooses of a shared page. */
  private static final long ATTRIBUTES = 0x3fcL | 7L << 53;

  @Override
  Steps steps() {
    return new Steps() {
      @Override
      public boolean foldable(long[] table, int level) {
        long[] bare = table.clone();
        for (int i = 0; i < bare.length; i++) {
          bare[i] = Rtte.kind(bare[i]) == Rtte.ASSIGNED_NS ? bare[i] & ~ATTRIBUTES : bare[i];
        }
        return super.foldable(bare, level);
      }
    };
  }
}
