package dev.cocovisor.bugs.cca;

import dev.cocovisor.cca.rmm.table.Steps;

/** A VMID stays taken where REALM_CREATE fails. */
public final class M59 extends RmmBug {
  /** Creates the bug. */
  public M59() {
    super("M59", "6b319d4c", "A VMID stays taken where REALM_CREATE fails.");
  }

  @Override
  Steps steps() {
    return new Steps() {
      @Override
      public void notMade(Runnable freeVmid) {}
    };
  }
}
