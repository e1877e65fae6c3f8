package dev.cocovisor.bugs.core;

import dev.cocovisor.api.Errno;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.gmem.BindingOwner;
import dev.cocovisor.core.gmem.GmemFile;
import dev.cocovisor.core.gmem.GuestMemfd;

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
    return parts.withGuestMemfd(r -> GmemFile.opened(new Faulty(r)));
  }

  private static final class Faulty extends GmemFile {
    Faulty(GuestMemfd.Request request) {
      super(request);
    }

    @Override
    public Errno checkBind(BindingOwner vm, long offset, long size) {
      return offset >= 0 && offset + size <= size() ? Errno.OK : super.checkBind(vm, offset, size);
    }
  }
}
