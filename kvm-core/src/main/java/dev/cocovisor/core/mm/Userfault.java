package dev.cocovisor.core.mm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.HostMemory;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A userfaultfd: mappings whose faults user space serves, and the calls that serve them.
 *
 * <p>What KVM sees of it: registering cuts and joins mappings as any change of flags does; a page
 * that is served by UFFDIO_COPY, ZEROPAGE or CONTINUE is there without a word to the notifiers;
 * UFFDIO_WRITEPROTECT tells them. A fault that waits for user space can have nobody to serve it
 * where one call follows the other, so it ends as with UFFD_FEATURE_SIGBUS: EFAULT to KVM.
 *
 * <p>Source (Linux 7.3): {@code mm/userfaultfd.c}, userfaultfd_register, userfaultfd_unregister,
 * mfill_atomic, mwriteprotect_range and vma_can_userfault.
 */
public final class Userfault {
  /** UFFDIO_REGISTER_MODE_MISSING. */
  public static final int MISSING = 1;

  /** UFFDIO_REGISTER_MODE_WP. */
  public static final int WRITE_PROTECT = 2;

  /** UFFDIO_REGISTER_MODE_MINOR. */
  public static final int MINOR = 4;

  private static final long BLOCK = 1L << 21;

  private final AddressSpace space;
  private final UserTables tables;

  /** Opens one on a process's memory. */
  public Userfault(AddressSpace space) {
    this.space = space;
    this.tables = space.tables();
  }

  private Errno range(long start, long len) {
    boolean whole = ((start | len) & 4095) == 0 && len > 0;
    return whole && start > 0 && space.accessOk(start, len) ? Errno.OK : Errno.EINVAL;
  }

  /** UFFDIO_REGISTER; {@code mode} is a sum of the constants. */
  public Errno register(long start, long len, long mode) {
    if (mode == 0 || (mode & ~(MISSING | WRITE_PROTECT | MINOR)) != 0 || !range(start, len).ok()) {
      return Errno.EINVAL;
    }
    int flags =
        ((mode & MISSING) != 0 ? Vma.UFFD_MISSING : 0)
            | ((mode & WRITE_PROTECT) != 0 ? Vma.UFFD_WP : 0)
            | ((mode & MINOR) != 0 ? Vma.UFFD_MINOR : 0);
    space.lock().lock();
    try {
      List<Vma> hit = space.vmas().overlapping(start, start + len);
      if (hit.isEmpty()) {
        return Errno.EINVAL;
      }
      for (Vma v : hit) {
        boolean cut = v.isHugetlb() && (cutBy(v, start) || cutBy(v, start + len));
        if (!fits(v, flags) || cut) {
          return Errno.EINVAL;
        }
        if (!v.has(Vma.MAYWRITE)) {
          return Errno.EPERM;
        }
      }
      for (Vma v : hit) {
        change(v, start, start + len, (v.flags() & ~Vma.UFFD) | flags);
      }
      return Errno.OK;
    } finally {
      space.unlock();
    }
  }

  private static boolean cutBy(Vma v, long at) {
    return at > v.start() && at < v.end() && (at & (BLOCK - 1)) != 0;
  }

  private static boolean fits(Vma v, int flags) {
    MappableFile f = v.file();
    boolean shmem = f != null && f.isShmem();
    boolean known = v.isAnonymous() || v.isHugetlb() || shmem;
    boolean minor = (flags & Vma.UFFD_MINOR) != 0;
    return known && !v.has(Vma.PFNMAP) && !(minor && v.isAnonymous());
  }

  private void change(Vma v, long start, long end, int flags) {
    long from = Math.max(start, v.start());
    // A part of it may have been joined with what was changed before.
    Vma now = space.find(from);
    if (now != null) {
      var _ = space.vmas().modify(now, from, Math.min(end, v.end()), flags);
    }
  }

  /** UFFDIO_UNREGISTER. */
  public Errno unregister(long start, long len) {
    if (!range(start, len).ok()) {
      return Errno.EINVAL;
    }
    space.lock().lock();
    try {
      List<Vma> hit = space.vmas().overlapping(start, start + len);
      if (hit.isEmpty()) {
        return Errno.EINVAL;
      }
      for (Vma v : hit) {
        if (!fits(v, 0)) {
          return Errno.EINVAL;
        }
      }
      for (Vma v : hit) {
        if (v.has(Vma.UFFD_WP)) {
          protect(v, Math.max(start, v.start()), Math.min(start + len, v.end()), false);
        }
        change(v, start, start + len, v.flags() & ~Vma.UFFD);
      }
      return Errno.OK;
    } finally {
      space.unlock();
    }
  }

  /** What fills a page. */
  @FunctionalInterface
  public interface Filler {
    /** Fills a page of zeros; returns EFAULT where the source cannot be read. */
    Errno fill(long pfn, long offset);
  }

  /**
   * UFFDIO_COPY, UFFDIO_ZEROPAGE and UFFDIO_CONTINUE.
   *
   * @param filler what the pages hold; null for zeros
   * @param present whether the file's own page is mapped (UFFDIO_CONTINUE)
   * @return how many bytes are there, or a negative errno if none
   */
  public long fill(long start, long len, @Nullable Filler filler, boolean present) {
    if (!range(start, len).ok()) {
      return -Errno.EINVAL.number();
    }
    space.lock().lock();
    try {
      Vma v = space.find(start);
      if (v == null || start + len > v.end() || (v.flags() & Vma.UFFD) == 0) {
        return -Errno.ENOENT.number();
      }
      boolean shared = v.file() != null && !v.copiesOnWrite();
      if (v.isHugetlb() || (present && !shared)) {
        return -Errno.EINVAL.number();
      }
      for (long done = 0; done < len; done += PageLevel.PAGE_SIZE) {
        Errno r = page(v, start + done, done, filler, present);
        if (!r.ok()) {
          return done > 0 ? done : -r.number();
        }
      }
      return len;
    } finally {
      space.unlock();
    }
  }

  private Errno page(Vma v, long addr, long offset, @Nullable Filler filler, boolean present) {
    long page = addr >>> PageLevel.PAGE_SHIFT;
    if (!tables.table(page >>> 9) || tables.pte(page) != 0) {
      return Errno.EEXIST;
    }
    if (v.file() instanceof MemFd f && !v.copiesOnWrite()) {
      return filePage(v, f, page, offset, filler, present);
    }
    if (filler == null) {
      var _ = tables.replacePte(page, 0, UserTables.entry(space.memory().zeroPage(), 0));
      return Errno.OK;
    }
    long pfn = space.frames().allocate(0, space.policies().at(page));
    if (pfn == HostMemory.NO_FRAME) {
      return Errno.ENOMEM;
    }
    Errno r = filler.fill(pfn, offset);
    if (!r.ok()) {
      space.frames().drop(pfn, 1);
      return r;
    }
    space.prepareAnonVma(v);
    long own = v.has(Vma.WRITE) ? Faults.OWN : Faults.OWN & ~UserTables.WRITABLE;
    var _ = tables.replacePte(page, 0, UserTables.entry(pfn, own));
    return Errno.OK;
  }

  private Errno filePage(
      Vma v, MemFd f, long page, long offset, @Nullable Filler filler, boolean present) {
    long index = v.pageAt(page << PageLevel.PAGE_SHIFT);
    boolean there = f.pageFrame(index) >= 0;
    if (there != present) {
      return present ? Errno.EFAULT : Errno.EEXIST;
    }
    long pfn = f.userFault(index);
    if (pfn < 0) {
      return Errno.EFAULT;
    }
    Errno r = filler == null || present ? Errno.OK : filler.fill(pfn, offset);
    if (!r.ok()) {
      return r;
    }
    space.frames().hold(pfn, 1);
    long write = v.has(Vma.WRITE) ? UserTables.WRITABLE : 0;
    var _ = tables.replacePte(page, 0, UserTables.entry(pfn, UserTables.COUNTED | write));
    return Errno.OK;
  }

  /** UFFDIO_WRITEPROTECT: stores to present pages fault, or no longer do. */
  public Errno writeProtect(long start, long len, boolean on) {
    if (!range(start, len).ok()) {
      return Errno.EINVAL;
    }
    space.lock().lock();
    try {
      List<Vma> hit = space.vmas().overlapping(start, start + len);
      for (Vma v : hit) {
        if (!v.has(Vma.UFFD_WP)) {
          return Errno.ENOENT;
        }
        protect(v, Math.max(start, v.start()), Math.min(start + len, v.end()), on);
      }
      return hit.isEmpty() ? Errno.ENOENT : Errno.OK;
    } finally {
      space.unlock();
    }
  }

  private void protect(Vma v, long from, long to, boolean on) {
    if (!tables.hasUpper(from >>> PageLevel.PAGE_SHIFT)
        && tables.nextBlock(from >>> 21, ((to - 1) >>> 21) + 1) < 0) {
      return;
    }
    space.start(from, to);
    long end = ((to - 1) >>> 21) + 1;
    for (long b = tables.nextBlock(from >>> 21, end);
        b >= 0 && b < end;
        b = tables.nextBlock(b + 1, end)) {
      long first = Math.max(from, b << 21);
      long last = Math.min(to, (b + 1) << 21);
      long pmd = tables.pmd(b);
      if (UserTables.isLeaf(pmd) && last - first < BLOCK && !v.isHugetlb()) {
        space.splitBlock(b);
      } else if (UserTables.isLeaf(pmd)) {
        var _ = tables.replacePmd(b, pmd, marked(pmd, on));
        continue;
      }
      long stop = last >>> PageLevel.PAGE_SHIFT;
      for (long p = tables.nextSmall(first >>> PageLevel.PAGE_SHIFT, stop);
          p >= 0 && p < stop;
          p = tables.nextSmall(p + 1, stop)) {
        long e = tables.pte(p);
        if ((e & UserTables.PRESENT) != 0) {
          var _ = tables.replacePte(p, e, marked(e, on));
        }
      }
    }
    space.end(from, to);
  }

  private static long marked(long e, boolean on) {
    return on
        ? (e & ~UserTables.WRITABLE) | UserTables.GUARDED_WRITES
        : e & ~UserTables.GUARDED_WRITES;
  }

  /** Every registration ends with the file. */
  public void close() {
    for (Vma v : List.copyOf(space.vmas().all())) {
      if ((v.flags() & Vma.UFFD) != 0) {
        var _ = unregister(v.start(), v.end() - v.start());
      }
    }
  }
}
