package dev.cocovisor.core.mm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.mem.UserFrames;

/**
 * How a page gets there, as Linux does it, because KVM's counters show it.
 *
 * <p>Anonymous memory: a read maps the shared page of zeros, small or huge, read-only; a later
 * write copies it and tells the notifiers first; a write to an untouched place just allocates. A
 * block of 2 MiB that lies in its mapping and has no table yet is faulted in by a huge page where
 * the host's mode allows. A hugetlb page read first is mapped read-only and made writable in place.
 * A private mapping of a file reads the file's page and copies it at the first store. What a fork
 * shares is copied by who stores first while another has it.
 *
 * <p>Sources (Linux 7.3): {@code mm/memory.c}, do_anonymous_page, do_wp_page, wp_page_copy,
 * do_cow_fault; {@code mm/huge_memory.c}, do_huge_pmd_anonymous_page, do_huge_pmd_wp_page; {@code
 * mm/hugetlb.c}, hugetlb_no_page, hugetlb_wp.
 *
 * <p>Called with mmap_lock held for reading; many at a time.
 */
final class Faults {
  private static final long BLOCK = 1L << 21;

  /** Bits of a fresh anonymous page. */
  static final long OWN = UserTables.WRITABLE | UserTables.COUNTED | UserTables.ANON;

  private static final long HUGETLB = UserTables.HUGE | UserTables.COUNTED;

  private final AddressSpace space;
  private final PhysicalHost memory;
  private final UserFrames frames;
  private final UserTables tables;
  private final ThpMode thp;

  Faults(AddressSpace space, PhysicalHost memory, UserTables tables, ThpMode thp) {
    this.space = space;
    this.memory = memory;
    this.frames = memory.userFrames();
    this.tables = tables;
    this.thp = thp;
  }

  /** Makes a page present; an entry, {@link AddressSpace#SEGV} or {@link AddressSpace#BUS}. */
  long handle(Vma v, long addr, boolean write) {
    long page = addr >>> PageLevel.PAGE_SHIFT;
    while (true) {
      long e = tables.walk(page);
      if ((e & UserTables.PRESENT) != 0 && (!write || (e & UserTables.WRITABLE) != 0)) {
        return e;
      }
      if (e == UserTables.GUARD) {
        return AddressSpace.SEGV;
      }
      if (waits(v, page, e, write)) {
        return AddressSpace.BUS; // nobody serves the fault
      }
      long failed = v.isHugetlb() ? huge(v, page, write) : step(v, page, e, write);
      if (failed != 0) {
        return failed;
      }
    }
  }

  /** Tells whether a fault is user space's to serve (handle_userfault). */
  private static boolean waits(Vma v, long page, long e, boolean write) {
    if (!v.has(Vma.UFFD_MISSING) && !v.has(Vma.UFFD_MINOR) && !v.has(Vma.UFFD_WP)) {
      return false;
    }
    if (e != 0) {
      return write && (e & UserTables.GUARDED_WRITES) != 0;
    }
    MappableFile f = v.file();
    boolean inFile = f instanceof MemFd m && m.hasPage(v.pageAt(page << PageLevel.PAGE_SHIFT));
    return inFile ? v.has(Vma.UFFD_MINOR) : v.has(Vma.UFFD_MISSING);
  }

  /** One try: 0 to walk again, or how it failed. */
  private long step(Vma v, long page, long e, boolean write) {
    long block = page >>> 9;
    long pmd = tables.pmd(block);
    if (UserTables.isLeaf(pmd)) {
      // A store to a read-only leaf.
      return storeToLeaf(block, pmd);
    }
    if (pmd == 0 && thp.allows(v) && fits(v, block) && faultBlock(v, block, write)) {
      return 0;
    }
    if (pmd == 0 && fileBlock(v, block, write)) {
      return 0;
    }
    if (!tables.table(block)) {
      return 0;
    }
    if ((e & UserTables.PRESENT) == 0) {
      return v.file() == null ? missing(v, page, write) : fromFile(v, page, write);
    }
    return v.copiesOnWrite() ? copy(v, page, e) : allowStores(page, e);
  }

  static boolean fits(Vma v, long block) {
    return v.contains(block << 21, (block << 21) + BLOCK);
  }

  // Huge pages of anonymous memory.

  /** Faults a whole block in; false where small pages have to do. */
  private boolean faultBlock(Vma v, long block, boolean write) {
    space.prepareAnonVma(v);
    if (!write) {
      long zero = frames.holdHugeZero();
      if (zero == HostMemory.NO_FRAME) {
        return false;
      }
      if (!tables.replacePmd(block, 0, UserTables.entry(zero, UserTables.HUGE))) {
        frames.dropHugeZero();
      }
      return true;
    }
    long pfn = frames.allocate(9, space.policies().at(block << 9));
    if (pfn == HostMemory.NO_FRAME) {
      return false;
    }
    if (!tables.replacePmd(block, 0, mine(pfn))) {
      frames.drop(pfn, 1);
    }
    return true;
  }

  /** Maps a huge page that a file of small ones has there (do_set_pmd); false if there is none. */
  private boolean fileBlock(Vma v, long block, boolean write) {
    if (!(v.file() instanceof MemFd f) || (write && v.copiesOnWrite())) {
      return false;
    }
    long first = v.pageAt(block << 21);
    if (v.has(Vma.NOHUGEPAGE) || !fits(v, block) || (first & 511) != 0) {
      return false;
    }
    long pfn = f.hugeFolio(first >>> 9);
    if (pfn < 0) {
      return false;
    }
    frames.hold(pfn, 1);
    long e = fileLeaf(v, pfn);
    if (!tables.replacePmd(block, 0, e)) {
      space.release(e);
    }
    return true;
  }

  /** The leaf of a file's huge page, which the mapping counts. */
  static long fileLeaf(Vma v, long pfn) {
    boolean writable = v.has(Vma.WRITE) && !v.copiesOnWrite();
    long bits = UserTables.HUGE | UserTables.COUNTED | (writable ? UserTables.WRITABLE : 0);
    return UserTables.entry(pfn, bits);
  }

  private static long mine(long pfn) {
    return UserTables.entry(pfn, UserTables.HUGE | OWN);
  }

  private long storeToLeaf(long block, long pmd) {
    long pfn = UserTables.pfn(pmd);
    if (frames.isHugeZero(pfn)) {
      long fresh = frames.allocate(9, space.policies().at(block << 9));
      if (fresh != HostMemory.NO_FRAME) {
        space.start(block << 21, (block << 21) + BLOCK);
        boolean won = tables.replacePmd(block, pmd, mine(fresh));
        space.end(block << 21, (block << 21) + BLOCK);
        if (won) {
          frames.dropHugeZero();
        } else {
          frames.drop(fresh, 1);
        }
        return 0;
      }
    } else if ((pmd & UserTables.ANON) != 0 && unshared(pmd)) {
      var _ = tables.replacePmd(block, pmd, (pmd & ~UserTables.FORKED) | UserTables.WRITABLE);
      return 0;
    }
    space.splitBlock(block);
    return 0;
  }

  /** Tells whether nobody else maps an anonymous page, so that a store may go to it. */
  private boolean unshared(long e) {
    return (e & UserTables.FORKED) == 0 || frames.references(UserTables.pfn(e)) == 1;
  }

  // Small pages.

  private long missing(Vma v, long page, boolean write) {
    if (!write) {
      var _ = tables.replacePte(page, 0, UserTables.entry(memory.zeroPage(), 0));
      return 0;
    }
    space.prepareAnonVma(v);
    long pfn = frames.allocate(0, space.policies().at(page));
    if (pfn == HostMemory.NO_FRAME) {
      return AddressSpace.BUS;
    }
    if (!tables.replacePte(page, 0, own(pfn))) {
      frames.drop(pfn, 1);
    }
    return 0;
  }

  private static long own(long pfn) {
    return UserTables.entry(pfn, OWN);
  }

  private long fromFile(Vma v, long page, boolean write) {
    MappableFile f = v.file();
    long pfn = f == null ? -1 : f.userFault(v.pageAt(page << PageLevel.PAGE_SHIFT));
    if (pfn < 0) {
      return AddressSpace.BUS;
    }
    if (write && v.copiesOnWrite()) {
      space.prepareAnonVma(v);
      long copy = copyOf(pfn, page);
      if (copy == HostMemory.NO_FRAME) {
        return AddressSpace.BUS;
      }
      if (!tables.replacePte(page, 0, own(copy))) {
        frames.drop(copy, 1);
      }
      return 0;
    }
    boolean writable = v.has(Vma.WRITE) && !v.copiesOnWrite();
    long bits = writable ? UserTables.WRITABLE : 0;
    if (frames.isHeld(pfn)) {
      frames.hold(pfn, 1);
      bits |= UserTables.COUNTED;
    }
    if (!tables.replacePte(page, 0, UserTables.entry(pfn, bits))) {
      space.release(UserTables.entry(pfn, bits));
    }
    return 0;
  }

  private long copyOf(long pfn, long page) {
    long copy = frames.allocate(0, space.policies().at(page));
    if (copy != HostMemory.NO_FRAME) {
      memory.raw().copyFrame(copy, pfn);
    }
    return copy;
  }

  /** A store to a page that a private mapping has read-only. */
  private long copy(Vma v, long page, long e) {
    if ((e & UserTables.ANON) != 0 && unshared(e)) {
      var _ = tables.replacePte(page, e, (e & ~UserTables.FORKED) | UserTables.WRITABLE);
      return 0;
    }
    space.prepareAnonVma(v);
    long pfn = UserTables.pfn(e);
    long fresh =
        pfn == memory.zeroPage()
            ? frames.allocate(0, space.policies().at(page))
            : copyOf(pfn, page);
    if (fresh == HostMemory.NO_FRAME) {
      return AddressSpace.BUS;
    }
    space.start(page << PageLevel.PAGE_SHIFT, (page + 1) << PageLevel.PAGE_SHIFT);
    boolean won = tables.replacePte(page, e, own(fresh));
    space.end(page << PageLevel.PAGE_SHIFT, (page + 1) << PageLevel.PAGE_SHIFT);
    space.release(won ? e : own(fresh));
    return 0;
  }

  private long allowStores(long page, long e) {
    var _ = tables.replacePte(page, e, e | UserTables.WRITABLE);
    return 0;
  }

  // hugetlb.

  private long huge(Vma v, long page, boolean write) {
    long block = page >>> 9;
    long pmd = tables.pmd(block);
    if (UserTables.isLeaf(pmd)) {
      long pfn = UserTables.pfn(pmd);
      boolean alone = !v.copiesOnWrite() || frames.references(pfn) == 1;
      if (alone) {
        var _ = tables.replacePmd(block, pmd, pmd | UserTables.WRITABLE);
        return 0;
      }
      return copyHuge(block, pmd, pfn);
    }
    // A private mapping of a file brings no page into the file.
    MappableFile f = v.file();
    f = f != null && v.copiesOnWrite() && !f.hasPage(v.pageAt(block << 21)) ? null : f;
    long pfn;
    if (f == null) {
      pfn = ofPool(block);
    } else {
      pfn = f.userFault(v.pageAt(block << 21));
      if (pfn >= 0) {
        frames.hold(pfn, 1);
      }
    }
    if (pfn < 0) {
      return AddressSpace.BUS;
    }
    if (f != null && v.copiesOnWrite() && write) {
      long copy = ofPool(block);
      if (copy >= 0) {
        copyBlock(pfn, copy);
      }
      frames.drop(pfn, 1);
      if (copy < 0) {
        return AddressSpace.BUS;
      }
      pfn = copy;
    }
    boolean writable = write || (f != null && !v.copiesOnWrite() && v.has(Vma.WRITE));
    long e = UserTables.entry(pfn, HUGETLB | (writable ? UserTables.WRITABLE : 0));
    if (!tables.replacePmd(block, pmd, e)) {
      space.release(e);
    }
    return 0;
  }

  /** A page of the pool for private memory: one promised to the mapping, or one to spare. */
  private long ofPool(long block) {
    boolean promised = space.promises().has(block);
    long pfn = frames.allocateHugetlb(promised, space.policies().at(block << 9));
    if (pfn >= 0 && promised) {
      space.promises().had(block);
    }
    return pfn;
  }

  private long copyHuge(long block, long pmd, long pfn) {
    long copy = ofPool(block);
    if (copy < 0) {
      return AddressSpace.BUS;
    }
    copyBlock(pfn, copy);
    space.start(block << 21, (block << 21) + BLOCK);
    boolean won =
        tables.replacePmd(block, pmd, UserTables.entry(copy, HUGETLB | UserTables.WRITABLE));
    space.end(block << 21, (block << 21) + BLOCK);
    frames.drop(won ? pfn : copy, 1);
    return 0;
  }

  private void copyBlock(long from, long to) {
    for (int i = 0; i < 512; i++) {
      memory.raw().copyFrame(to + i, from + i);
    }
  }
}
