package dev.cocovisor.core.mm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;

/**
 * mremap: mappings are shrunk and grown in place, or moved with their pages. Source (Linux 7.3):
 * {@code mm/mremap.c}, do_mremap, check_mremap_params, check_prep_vma, remap_move, mremap_to,
 * mremap_at and move_page_tables.
 */
public final class Remap {
  private static final int MAYMOVE = 1;
  private static final int FIXED = 2;
  private static final int DONTUNMAP = 4;
  private static final long BLOCK = 1L << 21;

  private final AddressSpace space;
  private final MappingCalls calls;

  /** Moves a process's memory. */
  public Remap(AddressSpace space) {
    this.space = space;
    this.calls = new MappingCalls(space);
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
    boolean overlaps = addr + was > newAddr && newAddr + now > addr;
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
      if (((addr | (placed ? newAddr : 0)) & (BLOCK - 1)) != 0 || now > was) {
        return -Errno.EINVAL.number();
      }
    }
    boolean mapsNew = now > was || placed;
    if (mapsNew) {
      if (was == 0 && !v.has(Vma.SHARED)) {
        return -Errno.EINVAL.number();
      }
      if (Math.min(was, now > was ? was : now) > v.end() - addr) {
        return -Errno.EFAULT.number();
      }
    }
    return placed ? to(addr, was, now, flags, newAddr) : at(v, addr, was, now, flags);
  }

  private long at(Vma v, long addr, long was, long now, int flags) {
    if (now == was) {
      return addr;
    }
    if (now < was) {
      Errno r = calls.unmap(addr + now, was - now);
      return r.ok() ? addr : -r.number();
    }
    boolean grows = addr + was == v.end() && space.isFree(v.end(), now - was);
    if (grows && space.accessOk(addr, now)) {
      Vma longer = new Vma(v.start(), addr + now, v.flags(), v.file(), v.firstPage(), v.anonVma);
      var _ = space.vmas().join(space.vmas().change(v, longer));
      return addr;
    }
    if ((flags & MAYMOVE) == 0) {
      return -Errno.ENOMEM.number();
    }
    return moveSomewhere(addr, was, now, flags);
  }

  private long moveSomewhere(long addr, long was, long now, int flags) {
    long top = space.limits().window();
    long at = space.vmas().free(space.limits().mmapBase(), now, 4096, top);
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
    } else if (!space.isFree(newAddr, now) || newAddr == 0) {
      // MREMAP_DONTUNMAP takes the address as a hint.
      return moveSomewhere(addr, was, now, flags);
    }
    if (now < was) {
      Errno r = calls.unmap(addr + now, was - now);
      if (!r.ok()) {
        return -r.number();
      }
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
    if (was != 0 && !keeps) {
      v = space.vmas().isolate(v, addr, addr + was);
    }
    space.prepareAnonVma(v);
    Vma moved = new Vma(at, at + now, v.flags(), v.file(), v.pageAt(addr), v.anonVma);
    var _ = space.vmas().insert(moved);
    if (was != 0) {
      movePages(addr, addr + was, at);
      if (!keeps) {
        Errno r = calls.unmap(addr, was);
        if (!r.ok()) {
          return -r.number();
        }
      }
    }
    return at;
  }

  private void movePages(long from, long to, long at) {
    UserTables t = space.tables();
    space.start(from, to);
    long next;
    for (long a = from; a < to; a = next) {
      long b = a >>> 21;
      next = Math.min(to, (b + 1) << 21);
      long pmd = t.pmd(b);
      if (pmd == 0) {
        continue;
      }
      long target = at + (a - from);
      boolean whole = next - a == BLOCK && (target & (BLOCK - 1)) == 0;
      if (UserTables.isLeaf(pmd)) {
        if (whole && t.pmd(target >>> 21) == 0 && t.replacePmd(b, pmd, 0)) {
          var _ = t.replacePmd(target >>> 21, 0, pmd);
          continue;
        }
        space.splitBlock(b);
      }
      moveSmall(
          a >>> PageLevel.PAGE_SHIFT,
          next >>> PageLevel.PAGE_SHIFT,
          target >>> PageLevel.PAGE_SHIFT);
    }
    space.end(from, to);
  }

  private void moveSmall(long from, long to, long target) {
    UserTables t = space.tables();
    for (long p = t.nextSmall(from, to); p >= 0 && p < to; p = t.nextSmall(p + 1, to)) {
      long e = t.pte(p);
      long page = target + (p - from);
      if (t.table(page >>> 9) && t.replacePte(p, e, 0)) {
        var _ = t.replacePte(page, 0, e);
      }
    }
  }
}
