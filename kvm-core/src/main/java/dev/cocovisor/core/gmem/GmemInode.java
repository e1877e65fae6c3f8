package dev.cocovisor.core.gmem;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.Place;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.RefCount;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.core.mem.LongRadix;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.mem.PolicyMap;
import dev.cocovisor.core.mm.AddressSpace;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The inode of a guest_memfd: folios, flags, size.
 *
 * <p>Folios are of one preferred order (0, 9 or 18; the reference kernel has 0 only); a block that
 * does not fit the file or meets smaller folios falls back to a smaller order. A hole that cuts a
 * large folio splits it. The inode outlives its files while a user mapping keeps it.
 *
 * <p>Locks: {@link #lock} (the mapping's invalidate lock) shared to allocate, exclusive to free;
 * the tree itself is safe for readers without it. Source: {@code virt/kvm/guest_memfd.c}.
 */
public final class GmemInode implements Place {
  /** GUEST_MEMFD_FLAG_MMAP. */
  public static final long FLAG_MMAP = 1;

  /** GUEST_MEMFD_FLAG_INIT_SHARED. */
  public static final long FLAG_INIT_SHARED = 2;

  /** KVM_MEMORY_ATTRIBUTE_PRIVATE. */
  static final long ATTRIBUTE_PRIVATE = 8;

  /** log2 of the pages of the smallest large folio. */
  private static final int LARGE = 9;

  private final PhysicalHost memory;
  private final long number;
  private final long size;
  private final long flags;
  private final int preferredOrder;
  private final ModelLock lock = new ModelLock("mapping->invalidate_lock");

  /** Innermost: held while a large folio is put in (xa_lock of the page cache). */
  private final ModelLock pageCacheLock = new ModelLock("mapping->i_pages");

  /** The folios of one page, by index. */
  private final LongRadix folios = new LongRadix();

  /** The larger ones, once each, by the index of their first page in blocks of 2 MiB. */
  private final LongRadix large = new LongRadix();

  private final PageStates states;
  private final InPlace inPlace;
  private final PolicyMap policies = new PolicyMap();
  private final List<GmemFile> files = new ArrayList<>();
  private final List<Mapping> mappings = new ArrayList<>();
  private final RefCount users = new RefCount("guest_memfd inode", 0);
  private @Nullable BindingOwner lastOwner;

  private record Mapping(AddressSpace space, GmemFile file) {}

  GmemInode(
      PhysicalHost memory,
      long number,
      long size,
      long flags,
      int preferredOrder,
      @Nullable BindingOwner owner) {
    this.memory = memory;
    this.number = number;
    this.size = size;
    this.flags = flags;
    this.preferredOrder = preferredOrder;
    this.lastOwner = owner;
    this.states = new PageStates((flags & FLAG_INIT_SHARED) != 0);
    this.inPlace = new InPlace(this, files);
  }

  PageStates states() {
    return states;
  }

  @Override
  public String placeName(long index) {
    return "guest_memfd " + number + " page 0x" + Long.toHexString(index);
  }

  long number() {
    return number;
  }

  long size() {
    return size;
  }

  boolean has(long flag) {
    return (flags & flag) != 0;
  }

  PolicyMap policies() {
    return policies;
  }

  ModelLock lock() {
    return lock;
  }

  /** Keeps the inode without a file: the memfd of the older series does. */
  void hold() {
    users.begin();
  }

  /** Keeps the inode unless nobody does any more. */
  boolean tryHold() {
    return users.getUnlessZero();
  }

  void letGo() {
    drop();
  }

  void opened(GmemFile file) {
    users.begin();
    files.add(file);
    lastOwner = file.owner();
  }

  /** The view of one VM is gone; its bindings are already. */
  void closed(GmemFile file) {
    files.remove(file);
    drop();
  }

  void mapped(AddressSpace space, GmemFile file) {
    users.begin();
    mappings.add(new Mapping(space, file));
  }

  void unmapped(AddressSpace space, GmemFile file) {
    mappings.remove(new Mapping(space, file));
    drop();
  }

  private void drop() {
    if (users.put()) {
      free(0, size >>> PageLevel.PAGE_SHIFT);
    }
  }

  /**
   * Returns the folio of a page as its own number, 0 where there is none.
   *
   * <p>Safe without the lock: a split puts the small folios in before it takes the large one away,
   * so a reader who finds no large one looks at the page once more.
   */
  long peek(long index) {
    SchedulePoint.read(PointKind.FOLIO, this, index);
    long entry = folios.get(index);
    if (entry != 0 || preferredOrder == 0) {
      return entry;
    }
    long first = index & -(1L << LARGE);
    long whole = large.get(first >>> LARGE);
    if (whole == 0 && preferredOrder > LARGE) {
      first = index & -(1L << preferredOrder);
      whole = large.get(first >>> LARGE);
      if (Folio.order(whole) < preferredOrder) {
        whole = 0;
      }
    }
    return whole != 0 ? part(whole, index - first) : folios.get(index);
  }

  /** Returns the first page from an index on that has a folio of its own or begins a large one. */
  long next(long from, long end) {
    long small = folios.next(from, end);
    if (preferredOrder == 0) {
      return small;
    }
    long block =
        large.next((from + (1L << LARGE) - 1) >>> LARGE, (end + (1L << LARGE) - 1) >>> LARGE);
    long whole = block < 0 ? -1 : block << LARGE;
    return small < 0 || (whole >= 0 && whole < small) ? whole : small;
  }

  private static long part(long whole, long offset) {
    long own = Folio.of(Folio.pfn(whole) + offset, Folio.order(whole));
    return Folio.withPrepared(own, Folio.prepared(whole));
  }

  /** Finds or allocates; a Folio number or a negative errno. */
  long page(long index, int cpu) {
    long have = peek(index);
    if (have != 0) {
      return have;
    }
    // Whoever holds the lock exclusively (populate) allocates under it.
    boolean mine = !lock.heldExclusive();
    if (mine) {
      lock.lockShared();
    }
    try {
      return allocate(index, cpu);
    } finally {
      if (mine) {
        lock.unlockShared();
      }
    }
  }

  private long allocate(long index, int cpu) {
    return preferredOrder == 0 ? allocateSmall(index, cpu) : allocateLarge(index, cpu);
  }

  /** Two who miss one folio at a time get one: it goes into the page cache as a whole. */
  private long allocateLarge(long index, int cpu) {
    pageCacheLock.lock();
    try {
      long have = peek(index);
      if (have != 0) {
        return have;
      }
      for (int order = preferredOrder; order > 0; order -= 9) {
        long first = index & -(1L << order);
        long end = first + (1L << order);
        if (end <= size >>> PageLevel.PAGE_SHIFT && next(first, end) < 0) {
          long pfn = memory.allocate(order, cpu, policies.at(index));
          if (pfn != HostMemory.NO_FRAME) {
            memory.raw().zero(pfn, 1L << order);
            SchedulePoint.write(PointKind.FOLIO, this, index);
            long whole = Folio.of(pfn, order);
            large.set(first >>> LARGE, whole);
            return part(whole, index - first);
          }
        }
      }
      return allocateSmall(index, cpu);
    } finally {
      pageCacheLock.unlock();
    }
  }

  private long allocateSmall(long index, int cpu) {
    while (true) {
      long have = folios.get(index);
      if (have != 0) {
        return have;
      }
      long pfn = memory.allocate(0, cpu, policies.at(index));
      if (pfn == HostMemory.NO_FRAME) {
        return -Errno.ENOMEM.number();
      }
      memory.raw().zero(pfn, 1);
      SchedulePoint.write(PointKind.FOLIO, this, index);
      if (folios.compareAndSet(index, 0, Folio.of(pfn, 0))) {
        return Folio.of(pfn, 0);
      }
      memory.free(pfn, 0);
    }
  }

  void markPrepared(long index, boolean prepared) {
    if (prepared && preferredOrder == 0) {
      SchedulePoint.write(PointKind.FOLIO, this, index);
      var _ = folios.setBits(index, Folio.PREPARED);
      return;
    }
    long entry = peek(index);
    if (entry == 0 || Folio.prepared(entry) == prepared) {
      return;
    }
    int order = Folio.order(entry);
    SchedulePoint.write(PointKind.FOLIO, this, index);
    if (order == 0) {
      folios.set(index, Folio.withPrepared(entry, prepared));
      return;
    }
    // Whoever puts the folio in may still be at it.
    pageCacheLock.lock();
    try {
      long first = index & -(1L << order);
      long whole = large.get(first >>> LARGE);
      large.set(first >>> LARGE, Folio.withPrepared(whole, prepared));
    } finally {
      pageCacheLock.unlock();
    }
  }

  /**
   * fallocate, after the VFS had its say. Source: kvm_gmem_fallocate: KEEP_SIZE must be there,
   * nothing but PUNCH_HOLE besides, all page aligned; only allocation minds the size.
   */
  Errno fallocate(int mode, long offset, long length) {
    if ((mode & 1) == 0 || (mode & ~3) != 0) {
      return refuse(Errno.EOPNOTSUPP, "KEEP_SIZE alone, or with PUNCH_HOLE");
    }
    if (((offset | length) & (PageLevel.PAGE_SIZE - 1)) != 0) {
      return refuse(Errno.EINVAL, "offset or length is not page aligned");
    }
    long start = offset >>> PageLevel.PAGE_SHIFT;
    long end = (offset + length) >>> PageLevel.PAGE_SHIFT;
    if ((mode & 2) != 0) {
      return punch(start, end);
    }
    if (offset + length > size) {
      return refuse(Errno.EINVAL, "offset and length leave the file, whose size is fixed");
    }
    for (long i = start; i < end; ) {
      long entry = page(i, 0);
      if (entry < 0) {
        return refuse(Errno.of((int) -entry), "no memory for a page of the file");
      }
      i = (i & -(1L << Folio.order(entry))) + (1L << Folio.order(entry));
    }
    return Errno.OK;
  }

  /** Converts pages in place, under the invalidate lock; see {@link InPlace}. */
  Conversion convert(long start, long end, boolean toPrivate, long limit) {
    lock.lock();
    try {
      return inPlace.run(start, end, toPrivate, limit);
    } finally {
      lock.unlock();
    }
  }

  /** Takes pages out of every process that maps them (unmap_mapping_pages). */
  void unmapFromHost(long start, long end) {
    for (Mapping m : new LinkedHashSet<>(mappings)) {
      m.space.unmapFile(m.file, start, end, false);
    }
  }

  /** Returns the first page of the first folio in a range that is held besides; -1 for none. */
  long firstHeld(long start, long end) {
    for (long i = next(start, end); i >= 0 && i < end; ) {
      long entry = peek(i);
      long pages = 1L << Folio.order(entry);
      if (memory.isPinned(Folio.pfn(entry), Folio.pfn(entry) + pages)) {
        return i;
      }
      i = i + pages < end ? next(i + pages, end) : -1;
    }
    return -1;
  }

  /** Splits the large folio that a page would cut, if there is one. */
  void splitAt(long index) {
    long entry = peek(index);
    int order = Folio.order(entry);
    if (entry != 0 && order > 0 && (index & ((1L << order) - 1)) != 0) {
      splitFolio(index & -(1L << order), order);
    }
  }

  /** Lets the vendor make the folios of a range the host's, which are prepared anew later. */
  void makeShared(long start, long end) {
    BindingOwner told = lastOwner;
    for (long i = next(start, end); i >= 0 && i < end; ) {
      long entry = peek(i);
      long pages = 1L << Folio.order(entry);
      if (told != null) {
        told.gmemFreed(Folio.pfn(entry), Folio.pfn(entry) + pages);
      }
      markPrepared(i, false);
      i = i + pages < end ? next(i + pages, end) : -1;
    }
  }

  Errno refuse(Errno error, String why) {
    BindingOwner told = lastOwner;
    return told == null ? error : told.trace().refuse(error, why);
  }

  private Errno punch(long start, long end) {
    lock.lock();
    try {
      for (int i = 0; i < files.size(); i++) {
        Errno r = files.get(i).invalidateBegin(start, end, files.get(i).wholePages());
        if (!r.ok()) {
          for (GmemFile begun : files.subList(0, i)) {
            begun.invalidateEnd(start, end);
          }
          return r;
        }
      }
      free(start, Math.min(end, (size + PageLevel.PAGE_SIZE - 1) >>> PageLevel.PAGE_SHIFT));
      for (GmemFile f : files) {
        f.invalidateEnd(start, end);
      }
      return Errno.OK;
    } finally {
      lock.unlock();
    }
  }

  private void free(long start, long end) {
    long i = start;
    while (i < end) {
      long entry = peek(i);
      if (entry == 0) {
        i = next(i, end);
        if (i < 0) {
          return;
        }
        entry = peek(i);
      }
      int order = Folio.order(entry);
      long first = i & -(1L << order);
      long last = first + (1L << order);
      if (first < start || last > end) {
        splitFolio(first, order);
        order = 0;
        first = i;
        last = i + 1;
      }
      unmapFromHost(first, last);
      long pfn = Folio.pfn(entry) - (i - first);
      SchedulePoint.write(PointKind.FOLIO, this, i);
      if (order == 0) {
        folios.set(i, 0);
      } else {
        large.set(first >>> LARGE, 0);
      }
      BindingOwner told = lastOwner;
      if (told != null) {
        told.gmemFreed(pfn, pfn + (last - first));
      }
      memory.free(pfn, order);
      i = last;
    }
  }

  private void splitFolio(long first, int order) {
    long whole = large.get(first >>> LARGE);
    for (long offset = 0; offset < 1L << order; offset++) {
      long small = Folio.of(Folio.pfn(whole) + offset, 0);
      folios.set(first + offset, Folio.withPrepared(small, Folio.prepared(whole)));
    }
    large.set(first >>> LARGE, 0);
  }

  Errno mayMap(boolean shared) {
    // Source: kvm_gmem_mmap: the flag first, then the kind of mapping.
    if (!has(FLAG_MMAP)) {
      return refuse(Errno.ENODEV, "the guest_memfd was made without GUEST_MEMFD_FLAG_MMAP");
    }
    return shared ? Errno.OK : refuse(Errno.EINVAL, "a guest_memfd is mapped MAP_SHARED only");
  }

  long userFault(long pageIndex) {
    if (pageIndex << PageLevel.PAGE_SHIFT >= size || states.isPrivate(pageIndex)) {
      return -1;
    }
    long entry = page(pageIndex, 0);
    return entry < 0 ? -1 : Folio.pfn(entry);
  }

  /** Counts pages present, for checkers. */
  long pages() {
    long n = 0;
    for (long i = 0;
        i < size >>> PageLevel.PAGE_SHIFT && (i = next(i, size >>> PageLevel.PAGE_SHIFT)) >= 0; ) {
      long pages = 1L << Folio.order(peek(i));
      n += pages;
      i += pages;
    }
    return n;
  }
}
