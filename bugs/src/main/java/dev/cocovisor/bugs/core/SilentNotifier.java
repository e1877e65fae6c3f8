package dev.cocovisor.bugs.core;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.vm.Invalidation;

/** The MMU notifier zaps without telling faults under way. */
public final class SilentNotifier extends Bug {
  /** Creates the bug. */
  public SilentNotifier() {
    super(
        "silent-notifier",
        Area.INVALIDATION,
        "sw-protected",
        "virt/kvm/kvm_main.c, kvm_mmu_notifier_invalidate_range_start",
        "The MMU notifier zaps without telling faults under way.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(Invalidation.Factory.class, Faulty::new);
  }

  private static final class Faulty extends Invalidation {
    @Override
    public void begin(Cause cause) {
      if (cause != Cause.USER_MAPPINGS) {
        super.begin(cause);
      }
    }

    @Override
    public void end(Cause cause) {
      if (cause != Cause.USER_MAPPINGS) {
        super.end(cause);
      }
    }
  }
}
