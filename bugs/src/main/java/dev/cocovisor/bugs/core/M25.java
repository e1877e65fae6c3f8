package dev.cocovisor.bugs.core;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.gmem.Binding;
import dev.cocovisor.core.gmem.GmemFile;
import dev.cocovisor.core.gmem.GuestMemfd;

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
    return parts.withGuestMemfd(r -> GmemFile.opened(new Faulty(r)));
  }

  private static final class Faulty extends GmemFile {
    Faulty(GuestMemfd.Request request) {
      super(request);
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
