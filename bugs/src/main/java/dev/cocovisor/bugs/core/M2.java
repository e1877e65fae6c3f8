package dev.cocovisor.bugs.core;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.vm.SlotSteps;
import org.jspecify.annotations.Nullable;

/**
 * A change of flags may take KVM_MEM_GUEST_MEMFD away, and the file keeps a pointer to the slot
 * that was.
 */
public final class M2 extends Bug {
  /** Creates the bug. */
  public M2() {
    super(
        "M2",
        Area.SLOTS,
        "sw-protected",
        "9935df5333aa",
        "A change of flags may take KVM_MEM_GUEST_MEMFD away, and the file keeps a pointer to the"
            + " slot that was.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(SlotSteps.class, new Faulty());
  }

  private static final class Faulty extends SlotSteps {
    @Override
    public @Nullable String unchangeable(
        MemSlot old, boolean gmem, long userAddress, long npages, long flags) {
      long kept = flags | (old.flags() & MemSlot.GUEST_MEMFD);
      return super.unchangeable(old, gmem, userAddress, npages, kept);
    }
  }
}
