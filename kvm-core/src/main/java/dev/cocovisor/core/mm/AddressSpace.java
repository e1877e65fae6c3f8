package dev.cocovisor.core.mm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.Place;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.mem.PolicyMap;
import dev.cocovisor.core.mem.UserFrames;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A process's memory (mm_struct): its mappings, their page tables, and who is told before they
 * change.
 *
 * <p>The rooms: {@link VmaTree} keeps the mappings, {@link UserTables} the translations, {@link
 * Faults} brings pages in; {@link MappingCalls} (mmap, munmap, mprotect, mlock), {@link Advice}
 * (madvise), {@link Remap} (mremap) and {@link Fork} change them. {@link
 * dev.cocovisor.core.mem.UserFrames} says who holds a frame, so that none is freed while a mapping,
 * a file or a pin has it.
 *
 * <p>Whoever changes mappings holds {@code mmap_lock} exclusively, a fault that is not served by
 * what is there holds it shared; a walk holds nothing. Notifiers are called with it held, so it
 * comes before {@code mmu_lock} and behind {@code slots_lock} and a guest_memfd's invalidate lock.
 */
public final class AddressSpace implements Place {
  /** Result of {@link #fault} and friends: no mapping there, or one that forbids it. */
  public static final long SEGV = -1;

  /** Result of {@link #fault}: mapped, but the page cannot be had. */
  public static final long BUS = -2;

  /** [vvar] is no pages of memory, so that advice on it is refused. */
  private static final long VVAR_SIZE = 0x4000;

  private volatile long memlockLimit = -1;
  private final PhysicalHost memory;
  private final UserFrames frames;
  private final ModelLock mmapLock = ModelLock.manyReaders("mmap_lock");
  private final List<Runnable> later = new ArrayList<>();
  private final CopyOnWriteArrayList<MmuNotifier> notifiers = new CopyOnWriteArrayList<>();
  private final PolicyMap policies = new PolicyMap();
  private final AddressLimits limits;
  private final UserTables tables = new UserTables();
  private final VmaTree vmas;
  private final Faults faults;
  private final HugePromises promises;
  private final AtomicLong accounted = new AtomicLong();
  private long nextAnonVma = 1;

  /** Creates an empty address space of a process on a host as it was recorded. */
  public AddressSpace(PhysicalHost memory) {
    this(memory, AddressLimits.RECORDED);
  }

  /** Creates an empty address space of a process on this host. */
  public AddressSpace(PhysicalHost memory, AddressLimits limits) {
    this.memory = memory;
    this.limits = limits;
    this.frames = memory.userFrames();
    this.promises = new HugePromises(frames.pool());
    this.vmas = new VmaTree(this);
    this.faults = new Faults(this, memory, tables, limits.thp());
    long vvar = limits.vvar() & -PageLevel.PAGE_SIZE;
    if (vvar != 0) {
      var _ =
          vmas.insert(
              new Vma(vvar, vvar + VVAR_SIZE, Vma.PFNMAP, null, vvar >>> PageLevel.PAGE_SHIFT, 0));
    }
  }

  /**
   * Registers a notifier (mmu_notifier_register). No invalidation is under way meanwhile: it would
   * end for this notifier without having begun.
   */
  public void register(MmuNotifier n) {
    mmapLock.lock();
    notifiers.add(n);
    mmapLock.unlock();
  }

  /** Removes a notifier. */
  public void unregister(MmuNotifier n) {
    notifiers.remove(n);
  }

  /** Returns from which memory nodes anonymous pages are taken, by address in pages. */
  public PolicyMap policies() {
    return policies;
  }

  /** Returns how large user addresses can be, and how memory is faulted in. */
  public AddressLimits limits() {
    return limits;
  }

  PhysicalHost memory() {
    return memory;
  }

  UserFrames frames() {
    return frames;
  }

  UserTables tables() {
    return tables;
  }

  HugePromises promises() {
    return promises;
  }

  VmaTree vmas() {
    return vmas;
  }

  ModelLock lock() {
    return mmapLock;
  }

  /** Gives mmap_lock up, held exclusively, and then what was put off until then. */
  void unlock() {
    List<Runnable> due = List.copyOf(later);
    later.clear();
    mmapLock.unlock();
    due.forEach(Runnable::run);
  }

  /**
   * Puts something off until mmap_lock is given up: a file's last reference, whose release takes
   * locks that come before it. Source: {@code fs/file_table.c}, fput.
   */
  public void later(Runnable what) {
    mmapLock.assertExclusive();
    later.add(what);
  }

  /** Returns the end of a range as far as addresses go; none is mapped from 2^63 on. */
  static long reach(long end) {
    return end < 0 ? Long.MAX_VALUE & -PageLevel.PAGE_SIZE : end;
  }

  /** Returns whether the range lies below the top of user space (access_ok). */
  public boolean accessOk(long addr, long size) {
    return limits.accessOk(addr, size);
  }

  void start(long from, long to) {
    for (MmuNotifier n : notifiers) {
      n.invalidateRangeStart(from, to);
    }
  }

  void end(long from, long to) {
    for (MmuNotifier n : notifiers) {
      n.invalidateRangeEnd(from, to);
    }
  }

  /**
   * Tells whether a guest used pages of [from, to), as page ageing asks: reclaim, idle page
   * tracking, DAMON. The process's own accesses are not asked for. Source: {@code mm/rmap.c},
   * folio_referenced_one; {@code include/linux/mmu_notifier.h}.
   *
   * @param clear whether to make them old
   */
  public boolean young(long from, long to, boolean clear) {
    boolean young = false;
    for (MmuNotifier n : notifiers) {
      young |= n.young(from, to, clear);
    }
    return young;
  }

  /** Gives a mapping of anonymous memory an owner for its pages (vmf_anon_prepare). */
  void prepareAnonVma(Vma v) {
    if (v.anonVma == 0) {
      long neighbours = vmas.neighbourAnonVma(v);
      v.anonVma = neighbours != 0 ? neighbours : nextAnonVma++;
    }
  }

  @Override
  public String placeName(long page) {
    return "PTE 0x" + Long.toHexString(page << PageLevel.PAGE_SHIFT);
  }

  // Pages.

  /**
   * Makes a page present for the kernel's own use, as get_user_pages does: a mapping that may only
   * be fetched from, or only stored to, is not read.
   *
   * @return the entry ({@link #frameOf}, {@link #isWritable}), {@link #SEGV} or {@link #BUS}
   */
  public long fault(long addr, boolean write) {
    return fault(addr, write, Vma.READ);
  }

  /**
   * Makes a page present as the process's own load or store does: on x86 whatever may be stored to
   * or fetched from may be loaded from. Source: {@code arch/x86/mm/fault.c}, access_error.
   *
   * @return as {@link #fault}
   */
  public long access(long addr, boolean write) {
    return fault(addr, write, Vma.READ | Vma.WRITE | Vma.EXEC);
  }

  private long fault(long addr, boolean write, int anyForLoads) {
    int needed = write ? Vma.WRITE : anyForLoads;
    Vma v = vmas.find(addr);
    if (v == null || (v.flags() & needed) == 0) {
      return SEGV;
    }
    SchedulePoint.read(PointKind.PTE, this, addr >>> PageLevel.PAGE_SHIFT);
    long e = tables.walk(addr >>> PageLevel.PAGE_SHIFT);
    if ((e & UserTables.PRESENT) != 0 && (!write || isWritable(e))) {
      return e;
    }
    mmapLock.lockShared();
    try {
      v = vmas.find(addr);
      if (v == null || (v.flags() & needed) == 0) {
        return SEGV;
      }
      SchedulePoint.write(PointKind.PTE, this, addr >>> PageLevel.PAGE_SHIFT);
      return faults.handle(v, addr, write);
    } finally {
      mmapLock.unlockShared();
    }
  }

  /** Pins the page behind an address for writing; a pfn, {@link #SEGV} or {@link #BUS}. */
  public long pin(long addr) {
    return pin(addr, true);
  }

  /**
   * Pins the page behind an address. Who takes the page away, as MADV_DONTNEED does beside a fault,
   * may do that before it is pinned, so the entry is looked at once more and all is done again
   * where it changed. Source: {@code mm/gup.c}, gup_fast_pte_range.
   *
   * @return a pfn, {@link #SEGV} or {@link #BUS}
   */
  public long pin(long addr, boolean write) {
    long page = addr >>> PageLevel.PAGE_SHIFT;
    long tries = 0;
    while (true) {
      long e = fault(addr, write);
      if (e < 0) {
        return e;
      }
      long pfn = UserTables.pfn(e);
      memory.pin(pfn);
      long now = tables.walk(page);
      if ((now & UserTables.PRESENT) != 0 && UserTables.pfn(now) == pfn) {
        return pfn;
      }
      memory.unpin(pfn);
      SchedulePoint.retry(this, page, ++tries);
    }
  }

  /**
   * As {@link #pin} of memory that is only read: what may be written gets a frame of its own, as a
   * pin for long does (mm/gup.c, FOLL_LONGTERM and gup_must_unshare).
   */
  public long pinToRead(long addr) {
    Vma v = vmas.find(addr);
    if (v != null && (v.flags() & Vma.WRITE) != 0) {
      return pin(addr);
    }
    long e = fault(addr, false);
    if (e < 0) {
      return e;
    }
    long pfn = UserTables.pfn(e);
    memory.pin(pfn);
    return pfn;
  }

  /** Gives a pin back; the frame is freed if nothing else holds it. */
  public void unpin(long pfn) {
    memory.unpin(pfn);
  }

  /** Returns the entry at an address if it is present now, else 0: a walk without a fault. */
  public long peek(long addr) {
    long e = vmas.find(addr) == null ? 0 : tables.walk(addr >>> PageLevel.PAGE_SHIFT);
    return (e & UserTables.PRESENT) == 0 ? 0 : e;
  }

  /** Returns the 4 KiB frame an entry gives. */
  public static long frameOf(long entry) {
    return UserTables.pfn(entry);
  }

  /** Tells whether an entry lets stores through. */
  public static boolean isWritable(long entry) {
    return (entry & UserTables.WRITABLE) != 0;
  }

  /** log2 of the size of the present mapping at an address: 12 or 21; 12 if nothing is present. */
  public int mappingShift(long addr) {
    return UserTables.isLeaf(tables.pmd(addr >>> 21)) ? 21 : 12;
  }

  /** Returns the mapping at an address, or null. */
  public @Nullable Vma find(long addr) {
    return vmas.find(addr);
  }

  /** Returns RLIMIT_MEMLOCK in bytes; -1 for none. */
  public long memlockLimit() {
    return memlockLimit;
  }

  /** Sets RLIMIT_MEMLOCK; negative for none. */
  public void setMemlockLimit(long bytes) {
    memlockLimit = bytes;
  }

  /** Tells whether so many pages more may be locked (mlock_future_ok). */
  boolean mayLock(long pages) {
    long limit = memlockLimit;
    return limit < 0 || lockedPages() + pages <= limit >>> PageLevel.PAGE_SHIFT;
  }

  /**
   * Returns how many pages are locked (mm_struct's locked_vm): those in mappings that are, and
   * those that guests hold.
   */
  public long lockedPages() {
    return mlockedPages() + accounted.get();
  }

  /** Adds pages that a guest holds, below zero takes them away (mm/util.c, account_locked_vm). */
  public void accountLocked(long pages) {
    accounted.addAndGet(pages);
  }

  /** Returns how many pages lie in mappings that are locked. */
  public long mlockedPages() {
    long n = 0;
    for (Vma v : vmas.all()) {
      n += v.has(Vma.LOCKED) ? (v.end() - v.start()) >>> PageLevel.PAGE_SHIFT : 0;
    }
    return n;
  }

  /** Tells whether a shared mapping of a file may be stored to, or made so. */
  boolean mapsWritable(MappableFile file) {
    return vmas.all().stream()
        .anyMatch(v ->
            v.file() != null && v.file().identity() == file && v.has(Vma.SHARED | Vma.MAYWRITE));
  }

  /** Tells whether nothing is mapped in a range. */
  public boolean isFree(long addr, long len) {
    return vmas.overlapping(addr & -4096L, addr + len).isEmpty();
  }

  /** Takes a range of addresses, the end left out. */
  @FunctionalInterface
  public interface AddressRange {
    /** Takes the next range. */
    void range(long from, long to);
  }

  /** Calls {@code each}, with mmap_lock held shared, for every part of a range that is mapped. */
  public void eachMapped(long from, long to, AddressRange each) {
    mmapLock.lockShared();
    try {
      for (Vma v : vmas.overlapping(from, to)) {
        each.range(Math.max(from, v.start()), Math.min(to, v.end()));
      }
    } finally {
      mmapLock.unlockShared();
    }
  }

  /** Returns ENOMEM if part of a range is not mapped. */
  public Errno checkMapped(long addr, long len) {
    long covered = addr;
    for (Vma v : vmas.overlapping(addr, addr + len)) {
      if (v.start() > covered) {
        return Errno.ENOMEM;
      }
      covered = v.end();
    }
    return covered < addr + len ? Errno.ENOMEM : Errno.OK;
  }

  /** Gives up what an entry holds. */
  void release(long entry) {
    long pfn = UserTables.pfn(entry);
    if ((entry & UserTables.HUGE) != 0 && frames.isHugeZero(pfn)) {
      frames.dropHugeZero();
    } else if ((entry & UserTables.COUNTED) != 0) {
      frames.drop(pfn, 1);
    }
  }

  /**
   * Drops what is present in a part of a mapping, without telling the notifiers (unmap_page_range).
   * A huge page that is cut is split first, of which they are told. Guards stay
   * (zap_nonpresent_ptes).
   */
  void zap(long from, long to) {
    zap(from, to, false);
  }

  /** As {@link #zap(long, long)}, guards included: the mapping goes (ZAP_FLAG_DROP_MARKER). */
  void zapAll(long from, long to) {
    zap(from, to, true);
  }

  private void zap(long from, long to, boolean guards) {
    SchedulePoint.write(PointKind.PTE, this, from >>> PageLevel.PAGE_SHIFT);
    long lastBlock = (to - 1) >>> 21;
    long b = from >>> 21;
    while ((b = tables.nextBlock(b, lastBlock + 1)) >= 0 && b <= lastBlock) {
      long first = Math.max(from, b << 21);
      long last = Math.min(to, (b + 1) << 21);
      long pmd = tables.pmd(b);
      if (UserTables.isLeaf(pmd)) {
        if (last - first < 1 << 21) {
          splitBlock(b);
        } else if (tables.replacePmd(b, pmd, 0)) {
          release(pmd);
        }
      }
      if (tables.pmd(b) == UserTables.TABLE) {
        zapSmall(first >>> PageLevel.PAGE_SHIFT, last >>> PageLevel.PAGE_SHIFT, guards);
      }
      b++;
    }
  }

  private void zapSmall(long from, long to, boolean guards) {
    long i = from;
    while ((i = tables.nextSmall(i, to)) >= 0 && i < to) {
      long e = tables.pte(i);
      boolean goes = guards || (e & UserTables.PRESENT) != 0;
      if (goes && tables.replacePte(i, e, 0) && (e & UserTables.PRESENT) != 0) {
        release(e);
      }
      i++;
    }
  }

  /**
   * Puts a table in the place of a huge page, if there is one; a file's is taken away and found
   * again by faults. The notifiers hear of the whole block either way (__split_huge_pmd).
   */
  void splitBlock(long block) {
    start(block << 21, (block + 1) << 21);
    long pmd = tables.pmd(block);
    if (UserTables.isLeaf(pmd)) {
      long pfn = UserTables.pfn(pmd);
      if (frames.isHugeZero(pfn)) {
        tables.split(block, UserTables.entry(memory.zeroPage(), 0), 0);
        frames.dropHugeZero();
      } else if ((pmd & UserTables.ANON) == 0) {
        if (tables.replacePmd(block, pmd, 0)) {
          release(pmd);
        }
      } else {
        frames.hold(pfn, 511);
        tables.split(block, pmd & ~UserTables.HUGE, 1L << UserTables.PFN_SHIFT);
      }
    }
    end(block << 21, (block + 1) << 21);
  }

  /** Takes away empty tables under which a file's huge page can be found (retract_page_tables). */
  void retractTables(MappableFile file, long fileBlock) {
    for (Vma v : vmas.all()) {
      MappableFile mapped = v.file();
      long at = v.start() + (((fileBlock << 9) - v.firstPage()) << PageLevel.PAGE_SHIFT);
      boolean mine = mapped != null && mapped.identity() == file && v.anonVma == 0;
      boolean fits = (at & (1 << 21) - 1) == 0 && v.contains(at, at + (1 << 21));
      if (mine && fits && tables.pmd(at >>> 21) == UserTables.TABLE) {
        start(at, at + (1 << 21));
        tables.reclaim(at >>> 21);
        end(at, at + (1 << 21));
      }
    }
  }

  /**
   * Unmaps pages [from, to) of a file wherever this process has them (unmap_mapping_range).
   *
   * @param evenCopies whether a private mapping loses its own copies as well
   */
  public void unmapFile(MappableFile file, long from, long to, boolean evenCopies) {
    for (Vma v : vmas.all()) {
      MappableFile mapped = v.file();
      if (mapped != null && mapped.identity() == file) {
        long first = Math.max(from, v.firstPage());
        long last = Math.min(to, v.firstPage() + ((v.end() - v.start()) >>> PageLevel.PAGE_SHIFT));
        if (first < last) {
          dropFilePages(v, first, last, evenCopies);
        }
      }
    }
  }

  private void dropFilePages(Vma v, long first, long last, boolean evenCopies) {
    long begin = v.start() + ((first - v.firstPage()) << PageLevel.PAGE_SHIFT);
    long stop = v.start() + ((last - v.firstPage()) << PageLevel.PAGE_SHIFT);
    if (evenCopies || !v.copiesOnWrite()) {
      start(begin, stop);
      zap(begin, stop);
      end(begin, stop);
      return;
    }
    // A private mapping loses the file's pages and keeps its own copies.
    start(begin, stop);
    for (long b = begin >>> 21; b <= (stop - 1) >>> 21; b++) {
      long pmd = tables.pmd(b);
      if (UserTables.isLeaf(pmd) && (pmd & UserTables.ANON) == 0) {
        zap(Math.max(begin, b << 21), Math.min(stop, (b + 1) << 21));
      }
    }
    for (long p = begin >>> PageLevel.PAGE_SHIFT; p < stop >>> PageLevel.PAGE_SHIFT; p++) {
      long e = tables.walk(p);
      if ((e & UserTables.PRESENT) != 0 && (e & (UserTables.ANON | UserTables.HUGE)) == 0) {
        zapSmall(p, p + 1, false);
      }
    }
    end(begin, stop);
  }

  /** Drops every mapping, as at the end of the process. */
  public void clear() {
    for (Vma v : List.copyOf(vmas.all())) {
      var _ = new MappingCalls(this).munmap(v.start(), v.end() - v.start());
    }
  }
}
