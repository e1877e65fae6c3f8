package dev.cocovisor.pkvm.hyp;

import dev.cocovisor.api.Errno;

/**
 * The host's stage 2: an identity map filled by faults.
 *
 * <p>A fault takes the largest block (1 GiB, 2 MiB) that lies inside one memory region and holds no
 * annotation; whatever is not a default mapping is a page. Tables come from a pool sized at boot
 * for all memory in pages plus 1 GiB of MMIO; when MMIO mappings have eaten it, they are all
 * dropped and the fault is tried once more. Under {@code host_mmu.lock}. Source: {@code
 * nvhe/mem_protect.c}, host_stage2_adjust_range, host_stage2_idmap, host_stage2_unmap_dev_all.
 */
final class HostStage2 {
  private static final int FIRST_BLOCK_LEVEL = 1;
  private static final long MMIO_PAGES = 1L << 18;

  private final MemoryMap map;
  private final Pool pool;
  private final HypPageTable table;

  HostStage2(MemoryMap map) {
    this.map = map;
    long tables = tablesFor(MMIO_PAGES);
    for (MemoryMap.Region r : map.regions()) {
      tables += tablesFor(r.end() - r.start());
    }
    pool = new Pool(tables);
    table = new HypPageTable(0, 48, pool);
  }

  /** Returns the pages needed to map {@code pages} pages one by one, whatever their alignment. */
  private static long tablesFor(long pages) {
    long sum = 0;
    for (long n = pages; n > 1; n = (n + 511) >>> 9) {
      sum += ((n + 511) >>> 9) + 1;
    }
    return sum;
  }

  private static final class Pool implements HypPageTable.TableMemory {
    private long free;

    Pool(long free) {
      this.free = free;
    }

    @Override
    public boolean take() {
      if (free == 0) {
        return false;
      }
      free--;
      return true;
    }

    @Override
    public void give() {
      free++;
    }
  }

  /** Returns the entry for a page: a mapping, an annotation, or 0. */
  long entry(long pfn) {
    return table.leaf(pfn);
  }

  /** Returns the level of the entry for a page. */
  int level(long pfn) {
    return table.leafLevel(pfn);
  }

  /** Returns how many tables are left in the pool. */
  long freeTables() {
    return pool.free;
  }

  /**
   * Maps what a fault of the host asks for.
   *
   * @return OK; EEXIST if it is mapped already; EPERM if the page is annotated, whereupon the host
   *     gets an abort
   */
  Errno fault(long pfn) {
    // handle_host_mem_abort -> host_stage2_idmap: a valid entry is another CPU's work, an annotated
    // one is somebody else's page.
    long pte = table.leaf(pfn);
    if (Pte.valid(pte)) {
      return Errno.EEXIST;
    }
    if (pte != 0) {
      return Errno.EPERM;
    }
    long start = map.rangeStart(pfn);
    long end = map.rangeEnd(pfn);
    int level = Math.max(table.leafLevel(pfn), FIRST_BLOCK_LEVEL);
    while (level < HypPageTable.PAGE_LEVEL) {
      long size = 1L << HypPageTable.shift(level);
      long base = pfn & -size;
      if (base >= start && base + size <= end) {
        break;
      }
      level++;
    }
    long base = pfn & -(1L << HypPageTable.shift(level));
    boolean memory = map.isMemory(pfn);
    long leaf = leaf(base, memory);
    if (table.set(base, level, leaf)) {
      return Errno.OK;
    }
    unmapAllMmio();
    return table.set(base, level, leaf) ? Errno.OK : Errno.ENOMEM;
  }

  private static long leaf(long pfn, boolean memory) {
    return memory
        ? Pte.leaf(pfn, Pte.RWX, PageState.OWNED)
        : Pte.leaf(pfn, Pte.R | Pte.W, PageState.OWNED) | Pte.DEVICE;
  }

  private void unmapAllMmio() {
    long[] found = new long[64];
    int n = 0;
    do {
      Collector c = new Collector(found);
      table.forEach(c);
      n = c.count;
      for (int i = 0; i < n; i++) {
        table.clear(found[i]);
      }
    } while (n == found.length);
  }

  private static final class Collector implements HypPageTable.Visitor {
    private final long[] into;
    private int count;

    Collector(long[] into) {
      this.into = into;
    }

    @Override
    public void visit(long fn, int level, long pte) {
      if (count < into.length && Pte.valid(pte) && (pte & Pte.DEVICE) != 0) {
        into[count++] = fn;
      }
    }
  }

  /** Maps pages one to one, after they came back to the host. */
  void mapPages(long pfn, long pages) {
    for (long p = pfn; p < pfn + pages; p++) {
      write(p, leaf(p, true));
    }
  }

  /** Takes pages away and says who owns them. */
  void annotate(long pfn, long pages, long annotation) {
    for (long p = pfn; p < pfn + pages; p++) {
      write(p, annotation);
    }
  }

  private void write(long pfn, long pte) {
    if (!table.set(pfn, HypPageTable.PAGE_LEVEL, pte)) {
      unmapAllMmio();
      if (!table.set(pfn, HypPageTable.PAGE_LEVEL, pte)) {
        throw new HypPanic("the host's stage 2 pool is exhausted by memory mappings");
      }
    }
  }

  /** Calls {@code visitor} for every mapping and annotation. */
  void forEach(HypPageTable.Visitor visitor) {
    table.forEach(visitor);
  }
}
