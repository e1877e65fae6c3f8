package dev.cocovisor.core.mm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;

/**
 * mremap: mappings are shrunk and grown in place, or moved with their pages. Source (Linux 7.3):
 * {@code mm/mremap.c}, do_mremap, check_mremap_params, check_prep_vma, remap_move, mremap_to,
 * mremap_at and move_vma.
 */
public final class Remap {
  private static final int MAYMOVE = 1;
  private static final int FIXED = 2;
  private static final int DONTUNMAP = 4;
  private static final long BLOCK = 1L << 21;

  private final AddressSpace space;
  private final MappingCalls calls;
  private final long wanted;

  /** Moves a process's memory. */
  public Remap(AddressSpace space) {
    this(space, 0);
  }

  /**
   * Moves a process's memory.
   *
   * @param wanted where memory goes that may go anywhere, if it is free there; 0: no wish
   */
  public Remap(AddressSpace space, long wanted) {
    this.space = space;
    this.calls = new MappingCalls(space);
    this.wanted = wanted;
  }

  /**
   * mremap.
   *
   * @param flags MREMAP_*
   * @return the new address, or a negative errno
   */
  public long mremap(long addr, long oldLen, long newLen, int flags, long newAddr) {
    long was = (oldLen + 4095) & -4096L;
    long now = (newLen + 4095) & -4096L;
    boolean placed = (flags & (FIXED | DONTUNMAP)) != 0;
    Errno bad = check(addr, was, now, flags, newAddr, placed);
    if (!bad.ok()) {
      return -bad.number();
    }
    space.lock().lock();
    long r;
    boolean locked = false;
    try {
      Vma v = space.find(addr);
      locked = v != null && v.has(Vma.LOCKED);
      if ((flags & FIXED) != 0 && was == now && was != 0) {
        r = moveAll(addr, was, flags, newAddr);
      } else {
        r = one(addr, was, now, flags, newAddr, placed);
      }
    } finally {
      space.unlock();
    }
    if (r >= 0 && locked && now > was) {
      var _ = calls.populate(r + was, r + now);
    }
    return r;
  }

  private Errno check(long addr, long was, long now, int flags, long newAddr, boolean placed) {
    long top = space.limits().top();
    if ((flags & ~(FIXED | MAYMOVE | DONTUNMAP)) != 0 || (addr & 4095) != 0) {
      return Errno.EINVAL;
    }
    if (now == 0 || Long.compareUnsigned(now, top) > 0) {
      return Errno.EINVAL;
    }
    if (!placed) {
      return Errno.OK;
    }
    if (Long.compareUnsigned(newAddr, top - now) > 0
        || (newAddr & 4095) != 0
        || (flags & MAYMOVE) == 0
        || ((flags & DONTUNMAP) != 0 && was != now)) {
      return Errno.EINVAL;
    }
    boolean overlaps =
        Long.compareUnsigned(addr + was, newAddr) > 0
            && Long.compareUnsigned(newAddr + now, addr) > 0;
    return overlaps ? Errno.EINVAL : Errno.OK;
  }

  /** A plain move may go over several mappings, with the gaps between them. */
  private long moveAll(long addr, long len, int flags, long newAddr) {
    long result = -Errno.EFAULT.number();
    boolean first = true;
    for (Vma v : space.vmas().overlapping(addr, addr + len)) {
      long from = Math.max(v.start(), addr);
      long size = Math.min(v.end(), addr + len) - from;
      if (first && from > addr) {
        return -Errno.EFAULT.number();
      }
      long r = one(from, size, size, flags, newAddr + (from - addr), true);
      if (r < 0) {
        return r;
      }
      result = first ? r : result;
      first = false;
    }
    return result;
  }

  private long one(long addr, long oldLen, long newLen, int flags, long newAddr, boolean placed) {
    Vma v = space.find(addr);
    if (v == null) {
      return -Errno.EFAULT.number();
    }
    long was = oldLen;
    long now = newLen;
    if (v.isHugetlb()) {
      was = (was + BLOCK - 1) & -BLOCK;
      now = (now + BLOCK - 1) & -BLOCK;
      // The new address is looked at whether it is asked for or not (align_hugetlb).
      if (((addr | newAddr) & (BLOCK - 1)) != 0 || now > was) {
        return -Errno.EINVAL.number();
      }
    }
    boolean grows = Long.compareUnsigned(now, was) > 0;
    if (grows || placed) {
      if (was == 0 && !v.has(Vma.SHARED)) {
        return -Errno.EINVAL.number();
      }
      if (v.has(Vma.PFNMAP) || (v.isHugetlb() && (flags & DONTUNMAP) != 0)) {
        // Neither grows (VM_DONTEXPAND), nor leaves a mapping behind.
        return -((flags & DONTUNMAP) != 0 ? Errno.EINVAL : Errno.EFAULT).number();
      }
      if (Long.compareUnsigned(grows ? was : now, v.end() - addr) > 0) {
        return -Errno.EFAULT.number();
      }
      if (grows && v.has(Vma.LOCKED) && !space.mayLock((now - was) >>> PageLevel.PAGE_SHIFT)) {
        return -Errno.EAGAIN.number();
      }
    }
    return placed ? to(addr, was, now, flags, newAddr) : at(v, addr, was, now, flags);
  }

  private long at(Vma v, long addr, long was, long now, int flags) {
    if (now == was) {
      return addr;
    }
    if (Long.compareUnsigned(now, was) < 0) {
      Errno r = shrink(addr + now, was - now);
      return r.ok() ? addr : -r.number();
    }
    boolean fits = addr + was == v.end() && space.isFree(v.end(), now - was);
    if (fits && space.accessOk(addr, now)) {
      Vma longer = new Vma(v.start(), addr + now, v.flags(), v.file(), v.firstPage(), v.anonVma);
      var _ = space.vmas().join(space.vmas().change(v, longer));
      return addr;
    }
    if ((flags & MAYMOVE) == 0) {
      return -Errno.ENOMEM.number();
    }
    return moveSomewhere(addr, was, now, flags);
  }

  private Errno shrink(long from, long size) {
    return space.accessOk(from, size) ? calls.unmap(from, size) : Errno.EINVAL;
  }

  private long moveSomewhere(long addr, long was, long now, int flags) {
    long top = space.limits().window();
    long align = (now & (BLOCK - 1)) == 0 ? BLOCK : 4096;
    boolean given = wanted != 0 && space.accessOk(wanted, now) && space.isFree(wanted, now);
    long at = given ? wanted : space.vmas().free(space.limits().mmapBase(), now, align, top);
    if (at < 0 || at > top - now) {
      return -Errno.ENOMEM.number();
    }
    return move(addr, was, now, flags, at);
  }

  private long to(long addr, long was, long now, int flags, long newAddr) {
    if ((flags & FIXED) != 0) {
      Errno r = calls.unmap(newAddr, now);
      if (!r.ok()) {
        return -r.number();
      }
    }
    if (Long.compareUnsigned(now, was) < 0) {
      Errno r = shrink(addr + now, was - now);
      if (!r.ok()) {
        return -r.number();
      }
    }
    if ((flags & FIXED) == 0 && (!space.isFree(newAddr, now) || newAddr == 0)) {
      // MREMAP_DONTUNMAP takes the address as a hint.
      return moveSomewhere(addr, was, now, flags);
    }
    return move(addr, Math.min(was, now), now, flags, newAddr);
  }

  /** move_vma: a mapping at the new place, the pages over, the old mapping gone or empty. */
  private long move(long addr, long was, long now, int flags, long at) {
    Vma v = space.find(addr);
    if (v == null) {
      return -Errno.EFAULT.number();
    }
    boolean keeps = (flags & DONTUNMAP) != 0;
    if (keeps && v.has(Vma.LOCKED)) {
      v = space.vmas().isolate(v, addr, addr + was);
    }
    // Memory that was never touched belongs to its new place (copy_vma).
    boolean untouched = v.isAnonymous() && v.anonVma == 0;
    long first = untouched ? at >>> PageLevel.PAGE_SHIFT : v.pageAt(addr);
    var moved = new Vma(at, at + now, v.flags() & ~Vma.UFFD, v.file(), first, v.anonVma);
    var _ = space.vmas().insert(moved, keeps ? v : null);
    if (was == 0) {
      return at;
    }
    boolean alone = space.find(addr) == v;
    new PageMove(space).move(v, addr, addr + was, at, alone && v.start() == addr);
    if (keeps) {
      empty(addr, addr + was);
      return at;
    }
    Errno r = calls.unmap(addr, was);
    return r.ok() ? at : -r.number();
  }

  /**
   * What MREMAP_DONTUNMAP leaves is not locked, and untouched if it is all (dontunmap_complete).
   */
  private void empty(long from, long to) {
    Vma v = space.find(from);
    if (v == null) {
      return;
    }
    boolean whole = v.start() == from && v.end() == to;
    long first = whole && v.isAnonymous() ? from >>> PageLevel.PAGE_SHIFT : v.firstPage();
    var now =
        new Vma(
            v.start(), v.end(), v.flags() & ~Vma.LOCKED, v.file(), first, whole ? 0 : v.anonVma);
    var _ = space.vmas().change(v, now);
  }
}
