package dev.cocovisor.core.mm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * mmap, munmap, mprotect and mlock. Sources (Linux 7.3): {@code mm/mmap.c}, do_mmap; {@code
 * mm/vma.c}, do_vmi_align_munmap and vms_gather_munmap_vmas; {@code mm/mprotect.c},
 * do_mprotect_pkey and change_protection_range; {@code mm/mlock.c}, do_mlock.
 */
public final class MappingCalls {
  private static final long BLOCK = 1L << 21;
  private static final int ACCESS = Vma.READ | Vma.WRITE | Vma.EXEC;

  private final AddressSpace space;

  /** Makes calls on a process's memory. */
  public MappingCalls(AddressSpace space) {
    this.space = space;
  }

  /** Returns PROT_* as a mapping's flags. */
  static int access(int prot) {
    return ((prot & 1) != 0 ? Vma.READ : 0)
        | ((prot & 2) != 0 ? Vma.WRITE : 0)
        | ((prot & 4) != 0 ? Vma.EXEC : 0);
  }

  /** How a mapping is asked for. */
  public record Wish(
      long addr,
      long len,
      int prot,
      boolean fixed,
      boolean noReplace,
      boolean noReserve,
      boolean locked) {
    /** A wish for memory that is not locked. */
    public Wish(
        long addr, long len, int prot, boolean fixed, boolean noReplace, boolean noReserve) {
      this(addr, len, prot, fixed, noReplace, noReserve, false);
    }
  }

  /**
   * Maps memory; the arguments are known to be in order.
   *
   * @param huge whether it is hugetlb memory
   * @param file what is mapped, or null for private anonymous memory
   * @param filePage the file's page at the start
   * @return the address, or a negative errno
   */
  public long map(
      Wish w, boolean huge, boolean shared, @Nullable MappableFile file, long filePage) {
    long align = huge ? BLOCK : 4096;
    if (w.fixed && (w.addr & (align - 1)) != 0) {
      return -Errno.EINVAL.number();
    }
    long size = (w.len + align - 1) & -align;
    space.lock().lock();
    try {
      long at = place(w, size, align);
      if (at < 0) {
        return at;
      }
      if (w.fixed && !w.noReplace && !space.isFree(at, size)) {
        Errno r = unmap(at, size);
        if (!r.ok()) {
          return -r.number();
        }
      }
      boolean locks = w.locked && !huge;
      if (locks && !space.mayLock(size >>> PageLevel.PAGE_SHIFT)) {
        return -(space.memlockLimit() == 0 ? Errno.EPERM : Errno.EAGAIN).number();
      }
      int flags =
          access(w.prot)
              | (locks ? Vma.LOCKED : 0)
              | (file == null || file.mayBeWritten(shared) ? Vma.MAYWRITE : 0)
              | (shared ? Vma.SHARED : 0)
              | (huge ? Vma.HUGETLB : 0)
              | (w.noReserve ? Vma.NORESERVE : 0);
      if (huge && !w.noReserve && !promise(at, size, shared, file, filePage)) {
        return -Errno.ENOMEM.number();
      }
      if (file instanceof MemFd f) {
        f.mappedTo((filePage << PageLevel.PAGE_SHIFT) + size, (w.prot & 2) != 0);
      }
      long first = file == null ? at >>> PageLevel.PAGE_SHIFT : filePage;
      var _ = space.vmas().insert(new Vma(at, at + size, flags, file, first, 0));
      return at;
    } finally {
      space.unlock();
    }
  }

  /** hugetlb_reserve_pages: a shared mapping's pages are the file's, a private one's its own. */
  private boolean promise(
      long at, long size, boolean shared, @Nullable MappableFile file, long filePage) {
    if (shared && file instanceof MemFd f) {
      long last = filePage + (size >>> PageLevel.PAGE_SHIFT);
      return f.promise(filePage >>> 9, last >>> 9);
    }
    return space.promises().promise(at >>> 21, (at + size) >>> 21);
  }

  private long place(Wish w, long size, long align) {
    if (w.fixed) {
      if (!space.accessOk(w.addr, size)) {
        return -Errno.ENOMEM.number();
      }
      return w.noReplace && !space.isFree(w.addr, size) ? -Errno.EEXIST.number() : w.addr;
    }
    long hint = w.addr & -align;
    if (hint != 0 && space.accessOk(hint, size) && space.isFree(hint, size)) {
      return hint;
    }
    long top = space.limits().window();
    long at = space.vmas().free(space.limits().mmapBase(), size, align, top);
    return size > top || at < 0 || at > top - size ? -Errno.ENOMEM.number() : at;
  }

  /**
   * Takes a mapping down again that was prepared, but that its file refused: nothing was there, yet
   * the notifiers hear of it. Source (Linux 7.3): {@code mm/vma.c}, __mmap_new_file_vma.
   */
  public void undone(long addr, long len) {
    space.lock().lock();
    try {
      long end = addr + ((len + 4095) & -4096L);
      space.start(addr, end);
      space.end(addr, end);
    } finally {
      space.unlock();
    }
  }

  /** munmap. */
  public Errno munmap(long addr, long len) {
    if ((addr & 4095) != 0 || len <= 0 || !space.accessOk(addr, len)) {
      return Errno.EINVAL;
    }
    space.lock().lock();
    try {
      return unmap(addr, (len + 4095) & -4096L);
    } finally {
      space.unlock();
    }
  }

  /** Takes mappings away; those that are cut keep the rest. mmap_lock is held. */
  Errno unmap(long from, long size) {
    long to = from + size;
    List<Vma> hit = space.vmas().overlapping(from, to);
    if (hit.isEmpty()) {
      return Errno.OK;
    }
    for (Vma v : hit) {
      long cuts = (from > v.start() ? from : 0) | (to < v.end() ? to : 0);
      if (v.isHugetlb() && (cuts & (BLOCK - 1)) != 0) {
        return Errno.EINVAL;
      }
    }
    long begin = Math.max(from, hit.getFirst().start());
    long stop = Math.min(to, hit.getLast().end());
    for (Vma v : hit) {
      Vma part = space.vmas().isolate(v, Math.max(from, v.start()), Math.min(to, v.end()));
      space.vmas().remove(part);
    }
    if (!space.policies().isEmpty()) {
      space.policies().set(from >>> PageLevel.PAGE_SHIFT, to >>> PageLevel.PAGE_SHIFT, null);
    }
    space.promises().drop(begin >>> 21, (stop + BLOCK - 1) >>> 21);
    // The mappings are gone before the notifiers hear of it: no fault brings a page back.
    space.start(begin, stop);
    space.zapAll(begin, stop);
    space.end(begin, stop);
    long before = space.vmas().endBefore(begin);
    long behind = space.vmas().startFrom(stop, Long.MAX_VALUE);
    space.tables().freeTables(before >>> PageLevel.PAGE_SHIFT, behind >>> PageLevel.PAGE_SHIFT);
    return Errno.OK;
  }

  /** mprotect. */
  public Errno mprotect(long addr, long len, int prot) {
    if ((addr & 4095) != 0) {
      return Errno.EINVAL;
    }
    if (len == 0) {
      return Errno.OK;
    }
    long to = addr + ((len + 4095) & -4096L);
    if (Long.compareUnsigned(to, addr) <= 0) {
      return Errno.ENOMEM;
    }
    if ((prot & ~7) != 0) {
      return Errno.EINVAL;
    }
    space.lock().lock();
    try {
      return protect(addr, AddressSpace.reach(to), prot);
    } finally {
      space.unlock();
    }
  }

  private Errno protect(long from, long to, int prot) {
    long at = from;
    for (Vma v : space.vmas().overlapping(from, to)) {
      if (v.start() > at) {
        return Errno.ENOMEM;
      }
      long last = Math.min(to, v.end());
      if ((prot & 2) != 0 && !v.has(Vma.MAYWRITE)) {
        return Errno.EACCES;
      }
      int flags = (v.flags() & ~ACCESS) | access(prot);
      if (flags != v.flags()) {
        if (v.isHugetlb() && ((at | last) & (BLOCK - 1)) != 0) {
          return Errno.EINVAL;
        }
        Vma now = space.vmas().modify(v, at, last, flags);
        changeEntries(now, at, last);
      }
      at = last;
    }
    return at < to ? Errno.ENOMEM : Errno.OK;
  }

  /** Gives entries the new protection; nobody is told where nothing was ever mapped. */
  private void changeEntries(Vma v, long from, long to) {
    UserTables t = space.tables();
    long b = t.nextBlock(from >>> 21, ((to - 1) >>> 21) + 1);
    if (b < 0 && !t.hasUpper(from >>> PageLevel.PAGE_SHIFT)) {
      return;
    }
    boolean write = v.has(Vma.WRITE);
    space.start(from, to);
    long end = ((to - 1) >>> 21) + 1;
    for (long block = b; block >= 0 && block < end; block = t.nextBlock(block + 1, end)) {
      long first = Math.max(from, block << 21);
      long last = Math.min(to, (block + 1) << 21);
      long pmd = t.pmd(block);
      if (UserTables.isLeaf(pmd) && last - first < BLOCK) {
        space.splitBlock(block);
      } else if (UserTables.isLeaf(pmd)) {
        var _ = t.replacePmd(block, pmd, protectedEntry(v, pmd, write));
      }
      for (long p = t.nextSmall(first >>> PageLevel.PAGE_SHIFT, last >>> PageLevel.PAGE_SHIFT);
          t.pmd(block) == UserTables.TABLE && p >= 0 && p < last >>> PageLevel.PAGE_SHIFT;
          p = t.nextSmall(p + 1, last >>> PageLevel.PAGE_SHIFT)) {
        long e = t.pte(p);
        if ((e & UserTables.PRESENT) != 0) {
          var _ = t.replacePte(p, e, protectedEntry(v, e, write));
        }
      }
    }
    space.end(from, to);
  }

  /** What is one's own, or shared for good, can be stored to at once (can_change_pte_writable). */
  private static long protectedEntry(Vma v, long e, boolean write) {
    boolean own = (e & UserTables.ANON) != 0 && (e & UserTables.FORKED) == 0;
    boolean shared = v.has(Vma.SHARED);
    return write && (own || shared) ? e | UserTables.WRITABLE : e & ~UserTables.WRITABLE;
  }

  /** mlock and munlock: locked pages are present and stay. */
  public Errno lock(long addr, long len, boolean on) {
    long from = addr & -4096L;
    long size = (len + (addr & 4095) + 4095) & -4096L;
    if (on && space.memlockLimit() == 0) {
      return Errno.EPERM;
    }
    boolean wraps = Long.compareUnsigned(from + size, from) < 0;
    if (size == 0 || (wraps && !on)) {
      return wraps ? Errno.EINVAL : Errno.OK;
    }
    long to = AddressSpace.reach(from + size);
    space.lock().lock();
    Errno r;
    try {
      boolean may = !on || space.mayLock((size >>> PageLevel.PAGE_SHIFT) - locked(from, to));
      r = !may ? Errno.ENOMEM : wraps ? Errno.EINVAL : setLocked(from, to, on);
    } finally {
      space.unlock();
    }
    if (!r.ok() || !on) {
      return r;
    }
    // Source: mm/mlock.c, __mlock_posix_error_return.
    return populate(from, to).ok() ? Errno.OK : Errno.ENOMEM;
  }

  /** Pages of a range that are locked already count once (count_mm_mlocked_page_nr). */
  private long locked(long from, long to) {
    long n = 0;
    for (Vma v : space.vmas().overlapping(from, to)) {
      long pages = (Math.min(to, v.end()) - Math.max(from, v.start())) >>> PageLevel.PAGE_SHIFT;
      n += v.has(Vma.LOCKED) ? pages : 0;
    }
    return n;
  }

  private Errno setLocked(long from, long to, boolean on) {
    long at = from;
    for (Vma v : space.vmas().overlapping(from, to)) {
      if (v.start() > at) {
        return Errno.ENOMEM;
      }
      long last = Math.min(to, v.end());
      int flags = on ? v.flags() | Vma.LOCKED : v.flags() & ~Vma.LOCKED;
      if (!v.isHugetlb() && !v.has(Vma.PFNMAP)) {
        var _ = space.vmas().modify(v, at, last, flags);
      }
      at = last;
    }
    return at < to ? Errno.ENOMEM : Errno.OK;
  }

  /** Faults a range in as mlock and MAP_POPULATE do (populate_vma_page_range). */
  public Errno populate(long from, long to) {
    long at = from;
    while (at < to) {
      at = space.vmas().startFrom(at, to);
      Vma v = space.find(at);
      if (v == null) {
        return Errno.OK;
      }
      boolean write = v.has(Vma.WRITE) && !v.has(Vma.SHARED);
      long last = Math.min(to, v.end());
      at = v.has(Vma.PFNMAP) ? last : at;
      while (at < last) {
        long e = space.access(at, write);
        if (e < 0) {
          return Errno.EFAULT;
        }
        at = (e & UserTables.HUGE) != 0 ? (at & -BLOCK) + BLOCK : at + 4096;
      }
    }
    return Errno.OK;
  }
}
