package dev.cocovisor.core.mm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;

/**
 * madvise. Advice is given mapping by mapping: a hole in the range is ENOMEM once the rest is done,
 * any other error ends the walk. Source (Linux 7.3): {@code mm/madvise.c}, do_madvise,
 * madvise_walk_vmas and madvise_vma_behavior.
 */
public final class Advice {
  private static final int NORMAL = 0;
  private static final int RANDOM = 1;
  private static final int SEQUENTIAL = 2;
  private static final int WILLNEED = 3;
  private static final int DONTNEED = 4;
  private static final int FREE = 8;
  private static final int REMOVE = 9;
  private static final int DONTFORK = 10;
  private static final int DOFORK = 11;
  private static final int MERGEABLE = 12;
  private static final int UNMERGEABLE = 13;
  private static final int HUGEPAGE = 14;
  private static final int NOHUGEPAGE = 15;
  private static final int DONTDUMP = 16;
  private static final int DODUMP = 17;
  private static final int WIPEONFORK = 18;
  private static final int KEEPONFORK = 19;
  private static final int COLD = 20;
  private static final int PAGEOUT = 21;
  private static final int POPULATE_READ = 22;
  private static final int POPULATE_WRITE = 23;
  private static final int DONTNEED_LOCKED = 24;
  private static final int COLLAPSE = 25;
  private static final int GUARD_INSTALL = 102;
  private static final int GUARD_REMOVE = 103;

  private static final long BLOCK = 1L << 21;

  private final AddressSpace space;

  /** Advises on a process's memory. */
  public Advice(AddressSpace space) {
    this.space = space;
  }

  /** madvise. */
  public Errno madvise(long addr, long len, int advice) {
    if (!valid(advice)) {
      return Errno.EINVAL;
    }
    long size = (len + 4095) & -4096L;
    // Source: check_input_range: a length that wraps when it is rounded up is no length.
    if ((addr & 4095) != 0
        || (len != 0 && size == 0)
        || Long.compareUnsigned(addr + size, addr) < 0) {
      return Errno.EINVAL;
    }
    if (len == 0) {
      return Errno.OK;
    }
    if (advice == POPULATE_READ || advice == POPULATE_WRITE) {
      return populate(addr, AddressSpace.reach(addr + size), advice == POPULATE_WRITE);
    }
    space.lock().lock();
    try {
      return walk(addr, AddressSpace.reach(addr + size), advice);
    } finally {
      space.unlock();
    }
  }

  private boolean valid(int advice) {
    return switch (advice) {
      case MERGEABLE, UNMERGEABLE -> space.limits().ksm();
      default ->
          (advice >= NORMAL && advice <= DONTNEED)
              || (advice >= FREE && advice <= COLLAPSE)
              || advice == GUARD_INSTALL
              || advice == GUARD_REMOVE;
    };
  }

  private Errno walk(long from, long to, int advice) {
    long at = from;
    boolean hole = false;
    while (at < to) {
      long next = space.vmas().startFrom(at, Long.MAX_VALUE);
      if (next == Long.MAX_VALUE) {
        return Errno.ENOMEM;
      }
      hole |= next > at;
      at = next;
      if (at >= to) {
        break;
      }
      Vma v = space.find(at);
      if (v == null) {
        return Errno.ENOMEM;
      }
      long last = Math.min(to, v.end());
      Errno r = one(v, at, last, advice);
      if (!r.ok()) {
        return r;
      }
      at = last;
    }
    return hole ? Errno.ENOMEM : Errno.OK;
  }

  private Errno one(Vma v, long from, long to, int advice) {
    return switch (advice) {
      case REMOVE -> remove(v, from, to);
      case WILLNEED -> space.limits().swap() || !v.isAnonymous() ? Errno.OK : Errno.EBADF;
      case COLD -> new Reclaim(space).cold(v, from, to);
      case PAGEOUT -> new Reclaim(space).pageOut(v, from, to);
      case FREE, DONTNEED, DONTNEED_LOCKED -> discard(v, from, to, advice);
      case COLLAPSE -> new Collapse(space).collapse(v, from, to);
      case GUARD_INSTALL -> guard(v, from, to);
      case GUARD_REMOVE -> unguard(v, from, to);
      default -> flags(v, from, to, advice);
    };
  }

  private Errno flags(Vma v, long from, long to, int advice) {
    int f = v.flags();
    switch (advice) {
      case NORMAL -> f &= ~(Vma.RAND_READ | Vma.SEQ_READ);
      case SEQUENTIAL -> f = (f & ~Vma.RAND_READ) | Vma.SEQ_READ;
      case RANDOM -> f = (f & ~Vma.SEQ_READ) | Vma.RAND_READ;
      case DONTFORK -> f |= Vma.DONTCOPY;
      case DOFORK, DODUMP -> {
        // hugetlbfs maps with VM_DONTEXPAND, one of VM_SPECIAL, which a dump does not mind.
        if (v.has(Vma.PFNMAP) || (advice == DOFORK && v.isHugetlb())) {
          return Errno.EINVAL;
        }
        f &= advice == DOFORK ? ~Vma.DONTCOPY : ~Vma.DONTDUMP;
      }
      case WIPEONFORK -> {
        if (v.file() != null || v.isHugetlb() || v.has(Vma.SHARED)) {
          return Errno.EINVAL;
        }
        f |= Vma.WIPEONFORK;
      }
      case KEEPONFORK -> f &= ~Vma.WIPEONFORK;
      case DONTDUMP -> f |= Vma.DONTDUMP;
      case HUGEPAGE -> f = (f & ~Vma.NOHUGEPAGE) | Vma.HUGEPAGE;
      case NOHUGEPAGE -> f = (f & ~Vma.HUGEPAGE) | Vma.NOHUGEPAGE;
      case MERGEABLE -> f |= Vma.MERGEABLE;
      default -> f &= ~Vma.MERGEABLE;
    }
    if (f != v.flags()) {
      if (v.isHugetlb() && ((from | to) & (BLOCK - 1)) != 0) {
        return Errno.EINVAL;
      }
      var _ = space.vmas().modify(v, from, to, f);
    }
    return Errno.OK;
  }

  /** A hole in the file, by whoever maps it for others to see (madvise_remove). */
  private Errno remove(Vma v, long from, long to) {
    MappableFile f = v.file();
    if (v.has(Vma.LOCKED) || (f == null && !v.isHugetlb())) {
      return Errno.EINVAL;
    }
    if (f == null || !v.has(Vma.SHARED)) {
      return Errno.EACCES;
    }
    return f.punch(v.pageAt(from) << PageLevel.PAGE_SHIFT, to - from);
  }

  private Errno discard(Vma v, long from, long to, int advice) {
    long last = to;
    if (v.isHugetlb()) {
      if (advice == FREE || (from & (BLOCK - 1)) != 0) {
        return Errno.EINVAL;
      }
      last &= -BLOCK;
      if (from >= last) {
        return Errno.OK;
      }
    } else if (v.has(Vma.PFNMAP) || (advice != DONTNEED_LOCKED && v.has(Vma.LOCKED))) {
      return Errno.EINVAL;
    }
    if (advice == FREE) {
      return new Reclaim(space).free(v, from, last);
    }
    space.start(from, last);
    space.zap(from, last);
    reclaimTables(from, last);
    space.end(from, last);
    return Errno.OK;
  }

  /** Tables that a whole block's DONTNEED leaves empty go too (CONFIG_PT_RECLAIM). */
  private void reclaimTables(long from, long to) {
    UserTables t = space.tables();
    long end = to >>> 21;
    for (long b = t.nextBlock((from + BLOCK - 1) >>> 21, end);
        b >= 0 && b < end;
        b = t.nextBlock(b + 1, end)) {
      t.reclaim(b);
    }
  }

  private Errno populate(long from, long to, boolean write) {
    long at = from;
    while (at < to) {
      Vma v = space.find(at);
      if (v == null) {
        return Errno.ENOMEM;
      }
      if (!v.has(write ? Vma.WRITE : Vma.READ)) {
        return Errno.EINVAL;
      }
      long e = space.fault(at, write);
      if (e < 0) {
        return Errno.EFAULT;
      }
      at = (e & UserTables.HUGE) != 0 ? (at & -BLOCK) + BLOCK : at + 4096;
    }
    return Errno.OK;
  }

  private Errno guard(Vma v, long from, long to) {
    if (v.isHugetlb() || v.has(Vma.LOCKED) || v.has(Vma.PFNMAP)) {
      return Errno.EINVAL;
    }
    if (v.isAnonymous()) {
      space.prepareAnonVma(v);
    }
    space.start(from, to);
    space.zap(from, to);
    for (long p = from >>> PageLevel.PAGE_SHIFT; p < to >>> PageLevel.PAGE_SHIFT; p++) {
      if (space.tables().table(p >>> 9)) {
        var _ = space.tables().replacePte(p, space.tables().pte(p), UserTables.GUARD);
      }
    }
    space.end(from, to);
    return Errno.OK;
  }

  private Errno unguard(Vma v, long from, long to) {
    if (v.isHugetlb() || v.has(Vma.PFNMAP)) {
      return Errno.EINVAL;
    }
    UserTables t = space.tables();
    for (long p = t.nextSmall(from >>> PageLevel.PAGE_SHIFT, to >>> PageLevel.PAGE_SHIFT);
        p >= 0 && p < to >>> PageLevel.PAGE_SHIFT;
        p = t.nextSmall(p + 1, to >>> PageLevel.PAGE_SHIFT)) {
      if (t.pte(p) == UserTables.GUARD) {
        var _ = t.replacePte(p, UserTables.GUARD, 0);
      }
    }
    return Errno.OK;
  }
}
