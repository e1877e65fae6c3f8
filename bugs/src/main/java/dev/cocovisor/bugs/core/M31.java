package dev.cocovisor.bugs.core;

import dev.cocovisor.api.Errno;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.kernel.BindOrder;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.vm.SlotSteps;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The file is bound before the slot is prepared, and a failure leaves a binding of a slot that
 * never was.
 */
public final class M31 extends Bug {
  /** Creates the bug. */
  public M31() {
    super(
        "M31",
        Area.GUEST_MEMFD,
        "sw-protected",
        "83411f32b8ad, 3fe5d2944e5a, 513333a55460",
        "The file is bound before the slot is prepared, and a failure leaves a binding of a slot"
            + " that never was.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(SlotSteps.class, new Faulty());
  }

  private static final class Faulty extends SlotSteps {
    @Override
    public Errno prepareAndBind(
        MemSlot slot, @Nullable BackingStore store, BindOrder order, Supplier<Errno> prepare) {
      Errno r = store == null ? Errno.OK : store.bind(slot);
      return r.ok() ? prepare.get() : r;
    }
  }
}
