package dev.cocovisor.bugs.core;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.gmem.Binding;
import dev.cocovisor.core.gmem.BindingOwner;
import dev.cocovisor.core.gmem.GmemFile;
import dev.cocovisor.core.gmem.GuestMemfd;
import dev.cocovisor.core.mem.PhysicalHost;

/** A slot that is deleted while its file is being closed is unbound without the invalidate lock. */
public final class M25 extends Bug {
  /** Creates the bug. */
  public M25() {
    super(
        "M25",
        Area.GUEST_MEMFD,
        "sw-protected",
        "1f3359c873db",
        "A slot that is deleted while its file is being closed is unbound without the invalidate"
            + " lock.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.withGuestMemfd(Faulty::open);
  }

  private static final class Faulty extends GmemFile {
    Faulty(PhysicalHost memory, BindingOwner owner, long number, long size, long flags, int order) {
      super(memory, owner, number, size, flags, order);
    }

    static GuestMemfd open(
        PhysicalHost memory, BindingOwner owner, long number, long size, long flags, int order) {
      return opened(new Faulty(memory, owner, number, size, flags, order));
    }

    @Override
    public void unbind(Binding slot) {
      if (isOpen()) {
        super.unbind(slot);
      } else {
        remove(slot);
        slot.dropGmem();
      }
    }
  }
}
