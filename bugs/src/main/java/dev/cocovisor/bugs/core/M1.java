package dev.cocovisor.bugs.core;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.gmem.Binding;
import dev.cocovisor.core.gmem.BindingOwner;
import dev.cocovisor.core.gmem.GmemFile;
import dev.cocovisor.core.gmem.GuestMemfd;
import dev.cocovisor.core.mem.PhysicalHost;

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
      }
    }
  }
}
