package dev.cocovisor.core.mm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.core.mem.LongRadix;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.mem.PolicyMap;
import dev.cocovisor.core.mem.UserFrames;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * An ordinary memfd, and the memory behind MAP_SHARED|MAP_ANONYMOUS: pages of a file that lives in
 * memory, of 4 KiB (tmpfs) or 2 MiB (hugetlbfs, MFD_HUGETLB).
 *
 * <p>The file holds one reference of each page; mappings and pins hold theirs, so that a hole or
 * the end of the file takes a page from the file and from mappings, never from whoever pinned it.
 * Sources (Linux 7.3): {@code mm/shmem.c}, shmem_fallocate and shmem_setattr; {@code
 * fs/hugetlbfs/inode.c}, hugetlbfs_fallocate and hugetlbfs_setattr; {@code mm/memfd.c}, seals.
 */
public final class MemFd implements MappableFile {
  private static final int KEEP_SIZE = 1;
  private static final int PUNCH_HOLE = 2;

  private final PhysicalHost memory;
  private final UserFrames frames;
  private final boolean huge;
  private final LongRadix folios = new LongRadix();
  private final PolicyMap policies = new PolicyMap();
  private final HugePromises promises;
  private Seals seals = new Seals(false, false);
  private final Map<AddressSpace, Integer> mappings = new HashMap<>();
  private long size;
  private int users = 1;

  /** Creates a file of {@code size} bytes in 4 KiB pages. */
  public MemFd(PhysicalHost memory, long size) {
    this(memory, size, false);
  }

  /** Creates a file of {@code size} bytes; {@code huge}: in pages of 2 MiB. */
  public MemFd(PhysicalHost memory, long size, boolean huge) {
    this.memory = memory;
    this.frames = memory.userFrames();
    this.size = size;
    this.huge = huge;
    this.promises = new HugePromises(frames.pool());
  }

  /** Promises pages of the pool to the file's pages [from, to); false if it cannot. */
  boolean promise(long from, long to) {
    return promises.promise(from, to);
  }

  /** A writable mapping makes a file of hugetlbfs as long as it reaches (hugetlbfs_file_mmap). */
  void mappedTo(long end, boolean writable) {
    if (huge && writable && end > size) {
      size = end;
    }
  }

  /** Returns the size in bytes. */
  public long size() {
    return size;
  }

  /** Returns how many blocks of 512 bytes are allocated. */
  public long blocks() {
    long n = 0;
    for (long i = folios.next(0, Long.MAX_VALUE); i >= 0; i = folios.next(i + 1, Long.MAX_VALUE)) {
      n += huge ? 4096 : 8;
    }
    return n;
  }

  @Override
  public boolean isHugetlb() {
    return huge;
  }

  @Override
  public boolean isShmem() {
    return !huge;
  }

  /** Sets which seals it may get, when it is made. */
  public void sealable(boolean allowed, boolean notExecutable) {
    seals = new Seals(allowed, notExecutable);
  }

  /** F_GET_SEALS. */
  public int seals() {
    return seals.get();
  }

  /** F_ADD_SEALS. */
  public Errno addSeals(int more) {
    boolean busy = spaces().stream().anyMatch(s -> s.mapsWritable(this)) || anyPinned();
    return seals.add(more, busy);
  }

  private boolean anyPinned() {
    for (long i = folios.next(0, Long.MAX_VALUE); i >= 0; i = folios.next(i + 1, Long.MAX_VALUE)) {
      if (frames.isPinned(folios.get(i) - 1)) {
        return true;
      }
    }
    return false;
  }

  /** A file sealed against stores is mapped shared for loads only. */
  @Override
  public Errno mayMap(boolean shared, boolean writable) {
    boolean sealed = seals.has(Seals.WRITE | Seals.FUTURE_WRITE);
    return shared && writable && sealed ? Errno.EPERM : Errno.OK;
  }

  @Override
  public boolean mayBeWritten(boolean shared) {
    return !shared || !seals.has(Seals.WRITE | Seals.FUTURE_WRITE);
  }

  @Override
  public Errno mayMap(boolean shared) {
    return Errno.OK;
  }

  private int order() {
    return huge ? 9 : 0;
  }

  private long pageBytes() {
    return 4096L << order();
  }

  @Override
  public long userFault(long pageIndex) {
    if (pageIndex << PageLevel.PAGE_SHIFT >= size) {
      return -1;
    }
    long have = folio(pageIndex >>> order());
    return have < 0 ? have : have + (huge ? pageIndex & 511 : 0);
  }

  @Override
  public boolean hasPage(long pageIndex) {
    return folios.get(pageIndex >>> order()) != 0;
  }

  /**
   * Returns the first frame of the huge page that a file of small pages has as its {@code block}
   * (MADV_COLLAPSE), or -1.
   */
  long hugeFolio(long block) {
    long pfn = huge ? -1 : pageFrame(block << 9);
    if (pfn < 0 || (pfn & 511) != 0 || !frames.isHuge(pfn)) {
      return -1;
    }
    for (int i = 1; i < 512; i++) {
      if (pageFrame((block << 9) + i) != pfn + i) {
        return -1;
      }
    }
    return pfn;
  }

  /** Returns the frame of a small page that is there, else -1. */
  long pageFrame(long page) {
    return folios.get(page) - 1;
  }

  /** Puts a huge page in the place of a block of small ones, which are given up. */
  void adopt(long block, long pfn) {
    frames.hold(pfn, 511);
    for (int i = 0; i < 512; i++) {
      long page = (block << 9) + i;
      long was = pageFrame(page);
      folios.set(page, pfn + i + 1);
      if (was >= 0) {
        frames.drop(was, 1);
      }
    }
  }

  /** Returns the processes that map the file. */
  List<AddressSpace> spaces() {
    return List.copyOf(mappings.keySet());
  }

  private long folio(long index) {
    long have = folios.get(index);
    if (have != 0) {
      return have - 1;
    }
    boolean promised = huge && promises.has(index);
    long pfn =
        huge
            ? frames.allocateHugetlb(promised, policies.at(index << order()))
            : frames.allocate(0, policies.at(index));
    if (pfn == HostMemory.NO_FRAME) {
      return -1;
    }
    if (huge) {
      promises.had(index);
    }
    if (!folios.compareAndSet(index, 0, pfn + 1)) {
      frames.drop(pfn, 1);
    }
    return folios.get(index) - 1;
  }

  @Override
  public PolicyMap policies() {
    return policies;
  }

  @Override
  public void mapped(AddressSpace space) {
    users++;
    mappings.merge(space, 1, Integer::sum);
  }

  @Override
  public void unmapped(AddressSpace space) {
    mappings.computeIfPresent(space, (_, n) -> n == 1 ? null : n - 1);
    release();
  }

  /** Takes a descriptor more (dup). */
  public void acquire() {
    users++;
  }

  /** Gives up one user; the last one frees the pages. */
  public void release() {
    if (--users == 0) {
      drop(0, Long.MAX_VALUE);
      promises.drop(0, Long.MAX_VALUE);
    }
  }

  private void drop(long from, long to) {
    for (long i = folios.next(from, to); i >= 0 && i < to; i = folios.next(i + 1, to)) {
      long pfn = folios.get(i) - 1;
      folios.set(i, 0);
      if (huge) {
        promises.forget(i);
      }
      frames.drop(pfn, 1);
    }
  }

  /** ftruncate: what lies behind the new end goes, from mappings first. */
  public Errno truncate(long length) {
    if (length < 0 || (huge && (length & (pageBytes() - 1)) != 0)) {
      return Errno.EINVAL;
    }
    long was = size;
    if ((length < was && seals.has(Seals.SHRINK)) || (length > was && seals.has(Seals.GROW))) {
      return Errno.EPERM;
    }
    size = length;
    if (length < was) {
      long first = (length + pageBytes() - 1) / pageBytes();
      unmap((length + 4095) >>> PageLevel.PAGE_SHIFT, Long.MAX_VALUE >>> 13, true);
      splitAround(length);
      drop(first, Long.MAX_VALUE);
      promises.drop(first, Long.MAX_VALUE);
      zeroTail(length);
    }
    return Errno.OK;
  }

  private void zeroTail(long length) {
    long index = length / pageBytes();
    long in = length % pageBytes();
    long have = folios.get(index);
    if (in != 0 && have != 0) {
      for (long at = in; at < pageBytes(); at++) {
        memory.raw().writeByte(((have - 1) << PageLevel.PAGE_SHIFT) + at, 0);
      }
    }
  }

  /** fallocate: allocates, or punches a hole; other modes are not this file system's. */
  public Errno fallocate(int mode, long offset, long length) {
    if ((mode & ~(KEEP_SIZE | PUNCH_HOLE)) != 0) {
      return Errno.EOPNOTSUPP;
    }
    if ((mode & PUNCH_HOLE) != 0) {
      return punch(offset, length);
    }
    long end = offset + length;
    if (end > size && seals.has(Seals.GROW)) {
      return Errno.EPERM;
    }
    long last = (end + pageBytes() - 1) / pageBytes();
    if (!huge && last - offset / pageBytes() > memory.frames()) {
      return Errno.ENOMEM; // what was added on the way is taken back (shmem_fallocate)
    }
    for (long i = offset / pageBytes(); i < last; i++) {
      if (folio(i) < 0) {
        return huge ? Errno.ENOSPC : Errno.ENOMEM;
      }
    }
    if ((mode & KEEP_SIZE) == 0 && end > size) {
      size = end;
    }
    return Errno.OK;
  }

  /** Whole pages go, from mappings first; the rest is zeroed. */
  @Override
  public Errno punch(long offset, long length) {
    if (seals.has(Seals.WRITE | Seals.FUTURE_WRITE)) {
      return Errno.EPERM;
    }
    long end = offset + length;
    long first = (offset + pageBytes() - 1) / pageBytes();
    long last = end / pageBytes();
    if (first < last) {
      // hugetlbfs takes private copies along, tmpfs does not.
      unmap(first << order(), last << order(), huge);
      splitAround(offset);
      splitAround(end);
      drop(first, last);
    }
    zero(offset, Math.min(end, first * pageBytes()));
    zero(Math.max(offset, last * pageBytes()), end);
    return Errno.OK;
  }

  private void zero(long from, long to) {
    for (long at = from; at < to; at++) {
      long have = folios.get(at / pageBytes());
      if (have != 0) {
        memory.raw().writeByte(((have - 1) << PageLevel.PAGE_SHIFT) + at % pageBytes(), 0);
      }
    }
  }

  /**
   * A huge page through which an edge goes is split, which unmaps it
   * (truncate_inode_partial_folio).
   */
  private void splitAround(long offset) {
    long block = offset >>> 21;
    if ((offset & (1 << 21) - 1) != 0 && hugeFolio(block) >= 0) {
      unmap(block << 9, (block + 1) << 9, false);
    }
  }

  void unmap(long from, long to, boolean evenCopies) {
    for (AddressSpace s : spaces()) {
      s.unmapFile(this, from, to, evenCopies);
    }
  }
}
