package dev.cocovisor.core.mm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.core.mem.UserFrames;

/**
 * madvise(MADV_COLLAPSE) of a file of tmpfs: the file's pages of a block become one huge page,
 * which whoever maps the block whole can map by one entry. Source (Linux 7.3): {@code
 * mm/khugepaged.c}, collapse_scan_file, collapse_file, retract_page_tables and
 * try_collapse_pte_mapped_thp.
 */
final class FileCollapse {
  private static final long BLOCK = 1L << 21;

  private final AddressSpace space;
  private final UserTables tables;
  private final UserFrames frames;

  FileCollapse(AddressSpace space) {
    this.space = space;
    this.tables = space.tables();
    this.frames = space.frames();
  }

  /** Tells whether a mapping's blocks and its file's are the same (thp_vma_suitable_order). */
  static boolean possible(Vma v) {
    MappableFile f = v.file();
    return f instanceof MemFd
        && f.isShmem()
        && (((v.start() >>> PageLevel.PAGE_SHIFT) - v.firstPage()) & 511) == 0;
  }

  /**
   * Collapses one block of a mapping.
   *
   * @return EAGAIN where another block may still succeed; any other error ends the call
   */
  Errno block(Vma v, long b) {
    if (!(v.file() instanceof MemFd f)) {
      return Errno.EINVAL;
    }
    long index = v.pageAt(b << 21) >>> 9;
    long pfn = f.hugeFolio(index);
    if (pfn < 0) {
      Errno r = fill(f, index);
      if (!r.ok()) {
        return r;
      }
      pfn = f.hugeFolio(index);
    }
    return install(v, b, pfn);
  }

  private Errno fill(MemFd f, long index) {
    boolean any = false;
    for (long p = index << 9; p < (index + 1) << 9; p++) {
      long pfn = f.pageFrame(p);
      if (pfn >= 0 && frames.isPinned(pfn)) {
        return Errno.EAGAIN;
      }
      any |= pfn >= 0;
    }
    if (!any) {
      return Errno.EINVAL; // nothing to collapse
    }
    long huge = frames.allocate(9, f.policies().at(index << 9));
    if (huge == HostMemory.NO_FRAME) {
      return Errno.ENOMEM;
    }
    for (long p = index << 9; p < (index + 1) << 9; p++) {
      if (f.pageFrame(p) >= 0) {
        f.unmap(p, p + 1, false);
        space.memory().raw().copyFrame(huge + (p & 511), f.pageFrame(p));
      }
    }
    f.adopt(index, huge);
    for (AddressSpace s : f.spaces()) {
      s.retractTables(f, index);
    }
    return Errno.OK;
  }

  private Errno install(Vma v, long b, long pfn) {
    long pmd = tables.pmd(b);
    if (UserTables.isLeaf(pmd)) {
      return Errno.OK;
    }
    if (pmd == UserTables.TABLE) {
      for (long p = b << 9; p < (b + 1) << 9; p++) {
        long e = tables.pte(p);
        if (e != 0 && ((e & UserTables.PRESENT) == 0 || UserTables.pfn(e) != pfn + (p & 511))) {
          return Errno.EINVAL; // a copy of one's own
        }
      }
      space.start(b << 21, (b << 21) + BLOCK);
      space.zap(b << 21, (b << 21) + BLOCK);
      tables.reclaim(b);
      space.end(b << 21, (b << 21) + BLOCK);
    }
    frames.hold(pfn, 1);
    var _ = tables.replacePmd(b, 0, Faults.fileLeaf(v, pfn));
    return Errno.OK;
  }
}
