package dev.cocovisor.bugs.core;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.gmem.Folio;
import dev.cocovisor.core.gmem.ForwardingGuestMemfd;
import dev.cocovisor.core.gmem.GmemFile;
import dev.cocovisor.core.gmem.GuestMemfd;

/** The test of the folio is inverted: pages are made private only if they are already. */
public final class M26 extends Bug {
  /** Creates the bug. */
  public M26() {
    super(
        "M26",
        Area.GUEST_MEMFD,
        "sev-snp",
        "put right by patch 2/5 of the RFC of December 2024",
        "The test of the folio is inverted: pages are made private only if they are already.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.withGuestMemfd(r -> new Faulty(GmemFile.create(r)));
  }

  private static final class Faulty extends ForwardingGuestMemfd {
    Faulty(GuestMemfd delegate) {
      super(delegate);
    }

    @Override
    public long page(long index, int cpu) {
      return inverted(super.page(index, cpu));
    }

    @Override
    public long peek(long index) {
      return inverted(super.peek(index));
    }

    private static long inverted(long page) {
      return page <= 0 ? page : Folio.withPrepared(page, !Folio.prepared(page));
    }
  }
}
