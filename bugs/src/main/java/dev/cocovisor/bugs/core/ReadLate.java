package dev.cocovisor.bugs.core;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.vm.Invalidation;

/** The sequence is read after the page was looked up, so an invalidation in between goes unseen. */
public final class ReadLate extends Bug {
  /** Creates the bug. */
  public ReadLate() {
    super(
        "read-late",
        Area.INVALIDATION,
        "sw-protected",
        "arch/x86/kvm/mmu/mmu.c, kvm_mmu_faultin_pfn",
        "The sequence is read after the page was looked up, so an invalidation in between goes"
            + " unseen.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(Invalidation.Factory.class, Faulty::new);
  }

  private static final class Faulty extends Invalidation {
    @Override
    public long lookedUp(long remembered) {
      return read();
    }
  }
}
