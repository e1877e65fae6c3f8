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

  /** The kernel's data page of each process ([vvar]): no pages of memory, so not to be advised. */
  private static final long VVAR = 0x7fff_f7fb_c000L;

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
    this.vmas = new VmaTree(this);
    this.faults = new Faults(this, memory, tables, limits.thp());
    var _ =
        vmas.insert(
            new Vma(VVAR, VVAR + 0x4000, Vma.PFNMAP, null, VVAR >>> PageLevel.PAGE_SHIFT, 0));
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
   * Makes a page present as a user access does.
   *
   * @return the entry ({@link #frameOf}, {@link #isWritable}), {@link #SEGV} or {@link #BUS}
   */
  public long fault(long addr, boolean write) {
    Vma v = vmas.find(addr);
    if (v == null || !v.has(Vma.READ) || (write && !v.has(Vma.WRITE))) {
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
      if (v == null || !v.has(Vma.READ) || (write && !v.has(Vma.WRITE))) {
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
    long e = fault(addr, true);
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

  /** Tells whether nothing is mapped in a range. */
  public boolean isFree(long addr, long len) {
    return vmas.overlapping(addr & -4096L, addr + len).isEmpty();
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
   * A huge page that is cut is split first, of which they are told.
   */
  void zap(long from, long to) {
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
        zapSmall(first >>> PageLevel.PAGE_SHIFT, last >>> PageLevel.PAGE_SHIFT);
      }
      b++;
    }
  }

  private void zapSmall(long from, long to) {
    long i = from;
    while ((i = tables.nextSmall(i, to)) >= 0 && i < to) {
      long e = tables.pte(i);
      if (tables.replacePte(i, e, 0) && (e & UserTables.PRESENT) != 0) {
        release(e);
      }
      i++;
    }
  }

  /**
   * Puts a table in the place of a huge page, if there is one; the notifiers hear of the whole
   * block either way (__split_huge_pmd).
   */
  void splitBlock(long block) {
    start(block << 21, (block + 1) << 21);
    long pmd = tables.pmd(block);
    if (UserTables.isLeaf(pmd)) {
      long pfn = UserTables.pfn(pmd);
      if (frames.isHugeZero(pfn)) {
        tables.split(block, UserTables.entry(memory.zeroPage(), 0), 0);
        frames.dropHugeZero();
      } else {
        frames.hold(pfn, 511);
        tables.split(block, pmd & ~UserTables.HUGE, 1L << UserTables.PFN_SHIFT);
      }
    }
    end(block << 21, (block + 1) << 21);
  }

  /** Unmaps pages [from, to) of a file wherever this process has them (unmap_mapping_range). */
  public void unmapFile(MappableFile file, long from, long to) {
    for (Vma v : vmas.all()) {
      MappableFile mapped = v.file();
      if (mapped != null && mapped.identity() == file) {
        long first = Math.max(from, v.firstPage());
        long last = Math.min(to, v.firstPage() + ((v.end() - v.start()) >>> PageLevel.PAGE_SHIFT));
        if (first < last) {
          dropFilePages(v, first, last);
        }
      }
    }
  }

  private void dropFilePages(Vma v, long first, long last) {
    long begin = v.start() + ((first - v.firstPage()) << PageLevel.PAGE_SHIFT);
    long stop = v.start() + ((last - v.firstPage()) << PageLevel.PAGE_SHIFT);
    if (v.has(Vma.SHARED) || !v.copiesOnWrite()) {
      start(begin, stop);
      zap(begin, stop);
      end(begin, stop);
      return;
    }
    // A private mapping loses the file's pages and keeps its own copies.
    start(begin, stop);
    for (long p = begin >>> PageLevel.PAGE_SHIFT; p < stop >>> PageLevel.PAGE_SHIFT; p++) {
      long e = tables.walk(p);
      if ((e & UserTables.PRESENT) != 0 && (e & (UserTables.ANON | UserTables.HUGE)) == 0) {
        zapSmall(p, p + 1);
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
