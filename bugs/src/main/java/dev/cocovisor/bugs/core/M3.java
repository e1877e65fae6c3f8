package dev.cocovisor.bugs.core;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.vm.Invalidation;

/**
 * The huge pages around a range whose attributes change are not invalidated, so a fault at the same
 * time installs one over mixed attributes.
 */
public final class M3 extends Bug {
  /** Creates the bug. */
  public M3() {
    super(
        "M3",
        Area.INVALIDATION,
        "sw-protected",
        "9129633d568e",
        "The huge pages around a range whose attributes change are not invalidated, so a fault at"
            + " the same time installs one over mixed attributes.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(Invalidation.Factory.class, Faulty::new);
  }

  private static final class Faulty extends Invalidation {
    @Override
    public void addHugePage(long from, long to) {}
  }
}
