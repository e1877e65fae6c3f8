package dev.cocovisor.bugs.core;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.gmem.Binding;
import dev.cocovisor.core.gmem.GmemFile;
import dev.cocovisor.core.gmem.GuestMemfd;

/**
 * A slot that is deleted while its file is being closed leaves its binding behind, and the closing
 * writes to the slot when it is freed.
 */
public final class M1 extends Bug {
  /** Creates the bug. */
  public M1() {
    super(
        "M1",
        Area.GUEST_MEMFD,
        "sw-protected",
        "ae431059e75d (syzbot 2479e53d0db9b32ae2aa)",
        "A slot that is deleted while its file is being closed leaves its binding behind, and the"
            + " closing writes to the slot when it is freed.");
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
      }
    }
  }
}
