package dev.cocovisor.core.gmem;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import java.util.List;

/**
 * Conversion in place: KVM_SET_MEMORY_ATTRIBUTES2 on a guest_memfd, after the arguments were
 * judged.
 *
 * <p>To private: the host's mappings of the range go, by host address, so that the notifiers take
 * what guests have of those addresses; then each folio must be the file's alone; then what guests
 * have as shared goes, by page of the file; then the state is stored. A page that somebody holds
 * ends it with EAGAIN after the first step, which is not undone. To shared: what guests have as
 * private goes, the vendor makes the folios the host's, the state is stored. Source: {@code
 * virt/kvm/guest_memfd.c} (7.4), kvm_gmem_set_attributes; commits 799c9fadc639, dcde2f853ff4,
 * 6fa1dab756fd, 856852ef2108.
 */
final class InPlace {
  private final GmemInode inode;
  private final List<GmemFile> files;

  InPlace(GmemInode inode, List<GmemFile> files) {
    this.inode = inode;
    this.files = files;
  }

  /**
   * Converts pages; the invalidate lock is held exclusively.
   *
   * @param limit how many pages may be otherwise than they began
   */
  Conversion run(long start, long end, boolean toPrivate, long limit) {
    PageStates states = inode.states();
    if (states.allAre(start, end, toPrivate)) {
      return Conversion.DONE;
    }
    if (limit != Long.MAX_VALUE && states.converted() + (end - start) > limit) {
      return new Conversion(
          inode.refuse(Errno.ENOMEM, "no memory for the attributes of the range"), bytes(start));
    }
    inode.splitAt(start);
    inode.splitAt(end);
    if (toPrivate) {
      inode.unmapFromHost(start, end);
      long held = inode.firstHeld(start, end);
      if (held >= 0) {
        long offset = bytes(Math.max(start, held));
        return new Conversion(
            inode.refuse(Errno.EAGAIN, "somebody holds a reference of a page of the range"),
            offset);
      }
    }
    Errno r = begin(start, end, toPrivate ? PageFilter.SHARED : PageFilter.PRIVATE);
    if (!r.ok()) {
      return new Conversion(r, bytes(start));
    }
    if (!toPrivate) {
      inode.makeShared(start, end);
    }
    SchedulePoint.write(PointKind.ATTRIBUTE, inode, start);
    states.set(start, end, toPrivate);
    for (GmemFile f : files) {
      f.converted(start, end, toPrivate);
      f.invalidateEnd(start, end);
    }
    return Conversion.DONE;
  }

  private Errno begin(long start, long end, PageFilter filter) {
    for (int i = 0; i < files.size(); i++) {
      Errno r = files.get(i).invalidateBegin(start, end, filter);
      if (!r.ok()) {
        for (GmemFile begun : files.subList(0, i)) {
          begun.invalidateEnd(start, end);
        }
        return r;
      }
    }
    return Errno.OK;
  }

  private static long bytes(long page) {
    return page << PageLevel.PAGE_SHIFT;
  }
}
