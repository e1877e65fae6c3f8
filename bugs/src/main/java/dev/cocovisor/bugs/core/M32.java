package dev.cocovisor.bugs.core;

import dev.cocovisor.api.Errno;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.gmem.Binding;
import dev.cocovisor.core.gmem.GmemFile;
import dev.cocovisor.core.gmem.GuestMemfd;

/**
 * The error of a binding for which memory runs out half way is not looked at, so the slot is there
 * and its file knows a part of it.
 */
public final class M32 extends Bug {
  /** Creates the bug. */
  public M32() {
    super(
        "M32",
        Area.GUEST_MEMFD,
        "sw-protected",
        "e6ecb88711d9",
        "The error of a binding for which memory runs out half way is not looked at, so the slot is"
            + " there and its file knows a part of it.");
  }

  @Override
  protected CoreParts surroundings(CoreParts parts) {
    return parts.withGuestMemfd(r -> GmemFile.opened(new Scarce(r)));
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.withGuestMemfd(r -> GmemFile.opened(new Faulty(r)));
  }

  /** Memory for the index of bindings runs out after this many pages. */
  private static final long ENOUGH_FOR = 16;

  private static final class Scarce extends GmemFile {
    Scarce(GuestMemfd.Request request) {
      super(request);
    }

    @Override
    public Errno bind(Binding slot) {
      return slot.npages() > ENOUGH_FOR ? Errno.ENOMEM : super.bind(slot);
    }
  }

  private static final class Faulty extends GmemFile {
    Faulty(GuestMemfd.Request request) {
      super(request);
    }

    @Override
    public Errno bind(Binding slot) {
      return super.bind(slot.npages() > ENOUGH_FOR ? new Part(slot) : slot);
    }
  }

  /** The first pages of a slot. */
  private record Part(Binding slot) implements Binding {
    @Override
    public int asId() {
      return slot.asId();
    }

    @Override
    public int id() {
      return slot.id();
    }

    @Override
    public long baseGfn() {
      return slot.baseGfn();
    }

    @Override
    public long npages() {
      return ENOUGH_FOR;
    }

    @Override
    public long gmemPage() {
      return slot.gmemPage();
    }

    @Override
    public void assertLive() {
      slot.assertLive();
    }

    @Override
    public void dropGmem() {
      slot.dropGmem();
    }
  }
}
