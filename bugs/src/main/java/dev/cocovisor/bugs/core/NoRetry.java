package dev.cocovisor.bugs.core;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.vm.Invalidation;

/** A fault maps its page though the sequence moved since the page was looked up. */
public final class NoRetry extends Bug {
  /** Creates the bug. */
  public NoRetry() {
    super(
        "no-retry",
        Area.INVALIDATION,
        "sw-protected",
        "include/linux/kvm_host.h, mmu_invalidate_retry_gfn",
        "A fault maps its page though the sequence moved since the page was looked up.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(Invalidation.Factory.class, Faulty::new);
  }

  private static final class Faulty extends Invalidation {
    @Override
    public boolean mustRetry(long seen, long gfn) {
      return false;
    }
  }
}
