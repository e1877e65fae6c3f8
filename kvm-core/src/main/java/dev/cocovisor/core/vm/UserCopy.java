package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.core.mem.AddressSpace;
import dev.cocovisor.core.mem.PhysicalHost;

/** The kernel's own accesses to user memory: page by page, faulting in, through the guards. */
public final class UserCopy {
  private UserCopy() {}

  /** copy_from_user; EFAULT where a page is missing or a guard faults. */
  public static Errno read(
      PhysicalHost memory, AddressSpace space, long addr, byte[] into, int offset, int length) {
    for (int done = 0; done < length; ) {
      int n = Math.min(4096 - (int) ((addr + done) & 4095), length - done);
      long pte = space.fault(addr + done, false);
      if (pte < 0) {
        return Errno.EFAULT;
      }
      long hpa = (space.frameOf(addr + done, pte) << 12) + ((addr + done) & 4095);
      Errno r = memory.read(Accessor.HOST_KERNEL, hpa, into, offset + done, n);
      if (!r.ok()) {
        return r;
      }
      done += n;
    }
    return Errno.OK;
  }

  /** copy_to_user; as {@link #read}. */
  public static Errno write(
      PhysicalHost memory, AddressSpace space, long addr, byte[] from, int offset, int length) {
    for (int done = 0; done < length; ) {
      int n = Math.min(4096 - (int) ((addr + done) & 4095), length - done);
      long pte = space.fault(addr + done, true);
      if (pte < 0) {
        return Errno.EFAULT;
      }
      long hpa = (space.frameOf(addr + done, pte) << 12) + ((addr + done) & 4095);
      Errno r = memory.write(Accessor.HOST_KERNEL, hpa, from, offset + done, n);
      if (!r.ok()) {
        return r;
      }
      done += n;
    }
    return Errno.OK;
  }
}
