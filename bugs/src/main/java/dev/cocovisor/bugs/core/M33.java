package dev.cocovisor.bugs.core;

import dev.cocovisor.api.Errno;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.gmem.BindingOwner;
import dev.cocovisor.core.gmem.GmemFile;
import dev.cocovisor.core.gmem.GuestMemfd;
import dev.cocovisor.core.mem.PhysicalHost;

/**
 * Offset and size of a binding are added as signed numbers, so a sum that overflows passes the
 * check against the size of the file.
 */
public final class M33 extends Bug {
  /** Creates the bug. */
  public M33() {
    super(
        "M33",
        Area.GUEST_MEMFD,
        "sw-protected",
        "eba85fee7fc6",
        "Offset and size of a binding are added as signed numbers, so a sum that overflows passes"
            + " the check against the size of the file.");
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
    public Errno checkBind(BindingOwner vm, long offset, long size) {
      return offset >= 0 && offset + size <= size() ? Errno.OK : super.checkBind(vm, offset, size);
    }
  }
}
