package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.mm.AddressSpace;

/** The kernel's own accesses to user memory: page by page, faulting in, through the guards. */
public final class UserCopy {
  private UserCopy() {}

  /** copy_from_user; EFAULT where a page is missing or a guard faults. */
  public static Errno read(
      PhysicalHost memory, AddressSpace space, long addr, byte[] into, int offset, int length) {
    return copy(memory, space, addr, into, offset, length, false);
  }

  /** copy_to_user; as {@link #read}. */
  public static Errno write(
      PhysicalHost memory, AddressSpace space, long addr, byte[] from, int offset, int length) {
    return copy(memory, space, addr, from, offset, length, true);
  }

  private static Errno copy(
      PhysicalHost memory,
      AddressSpace space,
      long addr,
      byte[] bytes,
      int offset,
      int length,
      boolean toUser) {
    for (int done = 0; done < length; ) {
      long at = addr + done;
      int n = Math.min(4096 - (int) (at & 4095), length - done);
      long pte = space.access(at, toUser);
      if (pte < 0) {
        return Errno.EFAULT;
      }
      long hpa = (AddressSpace.frameOf(pte) << PageLevel.PAGE_SHIFT) + (at & 4095);
      Errno r =
          toUser
              ? memory.write(Accessor.HOST_KERNEL, hpa, bytes, offset + done, n)
              : memory.read(Accessor.HOST_KERNEL, hpa, bytes, offset + done, n);
      if (!r.ok()) {
        return r;
      }
      done += n;
    }
    return Errno.OK;
  }
}
