package dev.cocovisor.core.host;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.mm.AddressSpace;
import java.util.ArrayList;
import java.util.List;

/**
 * Pages that vmsplice put into a pipe, which holds them as they are until it is closed. A pipe has
 * room for 16 pages. Source: {@code fs/splice.c}, iter_to_pipe; {@code lib/iov_iter.c},
 * iov_iter_get_pages2.
 */
final class PipePages {
  private static final int ROOM = 16;

  private final PhysicalHost memory;
  private final AddressSpace space;
  private final List<Long> held = new ArrayList<>();

  PipePages(PhysicalHost memory, AddressSpace space) {
    this.memory = memory;
    this.space = space;
  }

  /** Takes pages up to the first that cannot be had: bytes, or EFAULT, EAGAIN where it is full. */
  long take(long addr, long len) {
    long done = 0;
    while (done < len) {
      if (held.size() == ROOM) {
        return done == 0 ? -Errno.EAGAIN.number() : done;
      }
      long at = addr + done;
      long pfn = space.pin(at, false);
      if (pfn < 0) {
        return done == 0 ? -Errno.EFAULT.number() : done;
      }
      held.add(pfn);
      done += Math.min(PageLevel.PAGE_SIZE - (at & (PageLevel.PAGE_SIZE - 1)), len - done);
    }
    return done;
  }

  void close() {
    held.forEach(memory::unpin);
    held.clear();
  }
}
