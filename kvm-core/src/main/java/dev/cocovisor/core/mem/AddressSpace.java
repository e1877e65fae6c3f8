package dev.cocovisor.core.mem;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.mem.HostMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * A process's user mappings and their faults.
 *
 * <p>Anonymous memory is faulted as Linux does it, because KVM's counters show it: a read maps the
 * shared page of zeros read-only, a later write copies it and tells the notifiers first; a write to
 * an untouched page just allocates. A hugetlb page read first is mapped read-only and made writable
 * in place. Sources: {@code mm/memory.c}, do_anonymous_page and wp_page_copy; {@code mm/hugetlb.c},
 * hugetlb_no_page and hugetlb_wp.
 *
 * <p>mmap, munmap and madvise are for one thread at a time (mmap_lock); faults may come from many.
 */
public final class AddressSpace {
  /** Result of {@link #fault} and friends: no mapping there, or one that forbids it. */
  public static final long SEGV = -1;

  /** Result of {@link #fault}: mapped, but the page cannot be had. */
  public static final long BUS = -2;

  private static final long TOP = 0x7fff_ffff_f000L;

  /** Leaves 63 TiB, room for the biggest guests. */
  private static final long MMAP_BASE = 0x4000_0000_0000L;

  private final PhysicalHost memory;
  private final TreeMap<Long, Vma> vmas = new TreeMap<>();
  private final CopyOnWriteArrayList<MmuNotifier> notifiers = new CopyOnWriteArrayList<>();
  private final PolicyMap policies = new PolicyMap();
  private volatile Vma[] sorted = {};
  private long nextFree = MMAP_BASE;

  /** Creates an empty address space of a process on this host. */
  public AddressSpace(PhysicalHost memory) {
    this.memory = memory;
  }

  /** Registers a notifier (mmu_notifier_register). */
  public void register(MmuNotifier n) {
    notifiers.add(n);
  }

  /** Removes a notifier. */
  public void unregister(MmuNotifier n) {
    notifiers.remove(n);
  }

  /** Returns from which memory nodes anonymous pages are taken, by address in pages. */
  public PolicyMap policies() {
    return policies;
  }

  /** Returns whether the range lies below the top of user space (access_ok). */
  public static boolean accessOk(long addr, long size) {
    return size >= 0 && addr >= 0 && size <= TOP && addr <= TOP - size;
  }

  /**
   * Maps memory.
   *
   * @param addr 0: chosen by the kernel; else a hint, or the place if {@code fixed}
   * @return the address, or a negative errno
   */
  public long map(
      Vma.Kind kind,
      long addr,
      long len,
      boolean read,
      boolean write,
      boolean fixed,
      boolean noReplace,
      @Nullable MappableFile file,
      long filePage) {
    long align = kind == Vma.Kind.HUGETLB ? 1L << 21 : 1L << 12;
    if (len <= 0 || (fixed && (addr & (align - 1)) != 0)) {
      return -Errno.EINVAL.number();
    }
    long size = (len + align - 1) & -align;
    long at = addr & -align;
    if (fixed || noReplace) {
      if (!accessOk(at, size)) {
        return -Errno.ENOMEM.number();
      }
      if (overlaps(at, at + size)) {
        if (noReplace) {
          return -Errno.EEXIST.number();
        }
        unmap(at, size);
      }
    } else if (at == 0 || !accessOk(at, size) || overlaps(at, at + size)) {
      at = freeFrom(nextFree, size, align);
      if (!accessOk(at, size)) {
        at = freeFrom(MMAP_BASE, size, align);
      }
      if (!accessOk(at, size)) {
        return -Errno.ENOMEM.number();
      }
      nextFree = at + size;
    }
    Vma vma = new Vma(kind, at, at + size, read, write, file, filePage);
    vmas.put(at, vma);
    publish();
    if (file != null) {
      file.mapped(this, vma);
    }
    return at;
  }

  /** Returns the first free place at or above {@code from}, which may lie beyond the top. */
  private long freeFrom(long from, long size, long align) {
    long at = (from + align - 1) & -align;
    while (accessOk(at, size) && overlaps(at, at + size)) {
      at = (at + size + align - 1) & -align;
    }
    return at;
  }

  /** Takes mappings away; partly covered ones are split. */
  public Errno unmap(long addr, long len) {
    if ((addr & 4095) != 0 || len <= 0 || !accessOk(addr, len)) {
      return Errno.EINVAL;
    }
    long end = addr + ((len + 4095) & -4096L);
    if (!policies.isEmpty()) {
      policies.set(addr >>> 12, end >>> 12, null);
    }
    for (Vma v : overlapping(addr, end)) {
      long from = Math.max(addr, v.start());
      long to = Math.min(end, v.end());
      if (v.kind() == Vma.Kind.HUGETLB && ((from | to) & ((1L << 21) - 1)) != 0) {
        return Errno.EINVAL;
      }
      drop(v, from, to);
      vmas.remove(v.start());
      keepRest(v, v.start(), from);
      keepRest(v, to, v.end());
      publish();
      MappableFile f = v.file();
      if (f != null) {
        f.unmapped(this, v);
      }
    }
    return Errno.OK;
  }

  private void keepRest(Vma v, long from, long to) {
    if (from >= to) {
      return;
    }
    MappableFile f = v.file();
    Vma rest =
        new Vma(
            v.kind(),
            from,
            to,
            v.readable(),
            v.writable(),
            f,
            v.filePage() + ((from - v.start()) >>> 12));
    long shift = v.index(from);
    long i = shift;
    long end = v.index(to);
    while ((i = v.ptes.next(i, end)) >= 0) {
      rest.ptes.set(i - shift, v.ptes.get(i));
      i++;
    }
    vmas.put(from, rest);
    if (f != null) {
      f.mapped(this, rest);
    }
  }

  /** Drops every mapping, as at the end of the process. */
  public void clear() {
    for (Vma v : List.copyOf(vmas.values())) {
      unmap(v.start(), v.end() - v.start());
    }
  }

  /**
   * madvise(MADV_DONTNEED): the pages go, the mappings stay. A hole in the range is ENOMEM after
   * the rest is done. Source: {@code mm/madvise.c}, madvise_dontneed_free.
   */
  public Errno dontNeed(long addr, long len) {
    if ((addr & 4095) != 0 || len < 0) {
      return Errno.EINVAL;
    }
    long end = addr + ((len + 4095) & -4096L);
    if (end < addr) {
      return Errno.EINVAL;
    }
    long covered = addr;
    boolean hole = false;
    for (Vma v : overlapping(addr, end)) {
      hole |= v.start() > covered;
      long from = Math.max(addr, v.start());
      long to = Math.min(end, v.end());
      if (v.kind() == Vma.Kind.HUGETLB) {
        if ((from & ((1L << 21) - 1)) != 0) {
          return Errno.EINVAL;
        }
        to &= -(1L << 21);
      }
      if (from < to) {
        drop(v, from, to);
      }
      covered = v.end();
    }
    return hole || covered < end ? Errno.ENOMEM : Errno.OK;
  }

  /** Tells whether nothing is mapped in a range. */
  public boolean isFree(long addr, long len) {
    return !overlaps(addr & -4096L, addr + len);
  }

  /** Returns ENOMEM if part of a range is not mapped. */
  public Errno checkMapped(long addr, long len) {
    long covered = addr;
    for (Vma v : overlapping(addr, addr + len)) {
      if (v.start() > covered) {
        return Errno.ENOMEM;
      }
      covered = v.end();
    }
    return covered < addr + len ? Errno.ENOMEM : Errno.OK;
  }

  /** Unmaps one page of a file wherever this process has touched it (unmap_mapping_folio). */
  public void unmapFilePage(Vma v, long pageIndex) {
    long i = pageIndex - v.filePage();
    if (i < 0 || i >= (v.end() - v.start()) >>> 12 || v.ptes.get(i) == 0) {
      return;
    }
    long at = v.start() + (i << 12);
    start(at, at + 4096);
    v.ptes.set(i, 0);
    end(at, at + 4096);
  }

  private void drop(Vma v, long from, long to) {
    start(from, to);
    long end = v.index(to);
    long i = v.index(from);
    while ((i = v.ptes.next(i, end)) >= 0) {
      long pte = v.ptes.get(i);
      v.ptes.set(i, 0);
      long pfn = pte >>> 2;
      if (v.kind() == Vma.Kind.ANONYMOUS && pfn != memory.zeroPage()) {
        memory.free(pfn, 0);
      } else if (v.kind() == Vma.Kind.HUGETLB) {
        memory.free(pfn, 9);
      }
      i++;
    }
    end(from, to);
  }

  /** Pins the page behind an address for writing; a pfn, {@link #SEGV} or {@link #BUS}. */
  public long pin(long addr) {
    long pte = fault(addr, true);
    if (pte < 0) {
      return pte;
    }
    long pfn = frameOf(addr, pte);
    memory.pin(pfn);
    return pfn;
  }

  /** Gives a pin back; the frame is freed if nothing else holds it. */
  public void unpin(long pfn) {
    memory.unpin(pfn);
  }

  /**
   * Makes a page present as a user access does.
   *
   * @return the entry ({@link #frameOf}, {@link #isWritable}), {@link #SEGV} or {@link #BUS}
   */
  public long fault(long addr, boolean write) {
    Vma v = find(addr);
    if (v == null || !v.readable() || (write && !v.writable())) {
      return SEGV;
    }
    long i = v.index(addr);
    while (true) {
      long pte = v.ptes.get(i);
      if (pte != 0 && (!write || (pte & Vma.WRITABLE) != 0)) {
        return pte;
      }
      long made =
          switch (v.kind()) {
            case ANONYMOUS -> faultAnonymous(v, i, pte, write);
            case HUGETLB -> faultHuge(v, i, pte, write);
            case FILE -> faultFile(v, i);
          };
      if (made != 0) {
        return made;
      }
    }
  }

  private long faultAnonymous(Vma v, long i, long pte, boolean write) {
    if (!write) {
      long zero = memory.zeroPage() << 2 | Vma.PRESENT;
      return v.ptes.compareAndSet(i, 0, zero) ? zero : 0;
    }
    long at = v.start() + (i << 12);
    long pfn = memory.allocate(0, 0, policies.at(at >>> 12));
    if (pfn == HostMemory.NO_FRAME) {
      return BUS;
    }
    memory.raw().zero(pfn, 1);
    long mine = pfn << 2 | Vma.WRITABLE | Vma.PRESENT;
    if (pte != 0) {
      start(at, at + 4096);
    }
    boolean won = v.ptes.compareAndSet(i, pte, mine);
    if (pte != 0) {
      end(at, at + 4096);
    }
    if (!won) {
      memory.free(pfn, 0);
      return 0;
    }
    return mine;
  }

  private long faultHuge(Vma v, long i, long pte, boolean write) {
    if (pte != 0) {
      long now = pte | Vma.WRITABLE;
      return v.ptes.compareAndSet(i, pte, now) ? now : 0;
    }
    long pfn = memory.allocate(9, 0, policies.at((v.start() >>> 12) + (i << 9)));
    if (pfn == HostMemory.NO_FRAME) {
      return BUS;
    }
    memory.raw().zero(pfn, 512);
    long mine = pfn << 2 | (write ? Vma.WRITABLE : 0) | Vma.PRESENT;
    if (!v.ptes.compareAndSet(i, 0, mine)) {
      memory.free(pfn, 9);
      return 0;
    }
    return mine;
  }

  private static long faultFile(Vma v, long i) {
    MappableFile f = v.file();
    long pfn = f == null ? -1 : f.userFault(v.filePage() + i);
    if (pfn < 0) {
      return BUS;
    }
    long mine = pfn << 2 | (v.writable() ? Vma.WRITABLE : 0) | Vma.PRESENT;
    return v.ptes.compareAndSet(i, 0, mine) || v.ptes.get(i) == mine ? mine : 0;
  }

  /** Returns the entry at an address if it is present now, else 0: a walk without a fault. */
  public long peek(long addr) {
    Vma v = find(addr);
    return v == null ? 0 : v.ptes.get(v.index(addr));
  }

  /** Returns the 4 KiB frame an entry gives for an address. */
  public long frameOf(long addr, long pte) {
    Vma v = find(addr);
    return v != null && v.kind() == Vma.Kind.HUGETLB
        ? (pte >>> 2) + ((addr >>> 12) & 511)
        : pte >>> 2;
  }

  /** Tells whether an entry lets stores through. */
  public static boolean isWritable(long pte) {
    return (pte & Vma.WRITABLE) != 0;
  }

  /** log2 of the size of the present mapping at an address: 12 or 21; 12 if nothing is present. */
  public int mappingShift(long addr) {
    Vma v = find(addr);
    return v != null && v.kind() == Vma.Kind.HUGETLB && v.ptes.get(v.index(addr)) != 0 ? 21 : 12;
  }

  /** Returns the mapping at an address, or null. */
  public @Nullable Vma find(long addr) {
    Vma[] all = sorted;
    int lo = 0;
    int hi = all.length - 1;
    while (lo <= hi) {
      int mid = (lo + hi) >>> 1;
      Vma v = all[mid];
      if (addr < v.start()) {
        hi = mid - 1;
      } else if (addr >= v.end()) {
        lo = mid + 1;
      } else {
        return v;
      }
    }
    return null;
  }

  private void start(long from, long to) {
    for (MmuNotifier n : notifiers) {
      n.invalidateRangeStart(from, to);
    }
  }

  private void end(long from, long to) {
    for (MmuNotifier n : notifiers) {
      n.invalidateRangeEnd(from, to);
    }
  }

  private boolean overlaps(long from, long to) {
    return !overlapping(from, to).isEmpty();
  }

  private List<Vma> overlapping(long from, long to) {
    List<Vma> found = new ArrayList<>();
    Map.Entry<Long, Vma> first = vmas.floorEntry(from);
    long begin = first != null && first.getValue().end() > from ? first.getKey() : from;
    for (Vma v : vmas.subMap(begin, to).values()) {
      found.add(v);
    }
    return found;
  }

  private void publish() {
    sorted = vmas.values().toArray(Vma[]::new);
  }
}
