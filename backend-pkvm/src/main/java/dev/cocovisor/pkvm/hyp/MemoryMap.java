package dev.cocovisor.pkvm.hyp;

import dev.cocovisor.api.Errno;
import java.util.List;

/**
 * The memory regions the host reported at boot; everything between them is MMIO.
 *
 * <p>Regions are sorted, do not touch and never change after boot, so look-ups take no lock.
 * Source: {@code nvhe/mem_protect.c}, find_mem_range and check_range_allowed_memory.
 *
 * @param regions sorted, disjoint regions
 * @param limit the first pfn beyond the physical address size
 */
public record MemoryMap(List<Region> regions, long limit) {
  /**
   * One region.
   *
   * @param start first pfn
   * @param end pfn behind the last
   * @param noMap whether firmware keeps it (MEMBLOCK_NOMAP)
   */
  public record Region(long start, long end, boolean noMap) {}

  /** Checks the order. */
  public MemoryMap {
    regions = List.copyOf(regions);
    long last = -1;
    for (Region r : regions) {
      if (r.start() < last || r.end() <= r.start() || r.end() > limit) {
        throw new IllegalArgumentException("regions must be sorted, disjoint and below the limit");
      }
      last = r.end();
    }
  }

  /** A machine whose memory is one region from pfn 0. */
  public static MemoryMap flat(long frames) {
    return new MemoryMap(List.of(new Region(0, frames, false)), 1L << 36);
  }

  private int regionOf(long pfn) {
    int low = 0;
    int high = regions.size() - 1;
    while (low <= high) {
      int mid = (low + high) >>> 1;
      Region r = regions.get(mid);
      if (pfn < r.start()) {
        high = mid - 1;
      } else if (pfn >= r.end()) {
        low = mid + 1;
      } else {
        return mid;
      }
    }
    return -low - 1;
  }

  /** Returns the first pfn of the region, or of the gap between regions, that holds {@code pfn}. */
  long rangeStart(long pfn) {
    int i = regionOf(pfn);
    if (i >= 0) {
      return regions.get(i).start();
    }
    int next = -i - 1;
    return next == 0 ? 0 : regions.get(next - 1).end();
  }

  /** Returns the pfn behind the region, or the gap, that holds {@code pfn}. */
  long rangeEnd(long pfn) {
    int i = regionOf(pfn);
    if (i >= 0) {
      return regions.get(i).end();
    }
    int next = -i - 1;
    return next == regions.size() ? limit : regions.get(next).start();
  }

  /** Tells whether a page is memory at all, mappable or not. */
  boolean isMemory(long pfn) {
    return regionOf(pfn) >= 0;
  }

  /** Tells whether a page is memory that the host may use. */
  boolean isAllowed(long pfn) {
    int i = regionOf(pfn);
    return i >= 0 && !regions.get(i).noMap();
  }

  /** Refuses ranges that wrap or leave the physical address space. */
  boolean isValid(long pfn, long pages) {
    return pfn >= 0 && pages > 0 && pages <= limit && pfn <= limit - pages;
  }

  /** Refuses a range that mixes memory and MMIO (EINVAL) or is not usable memory (EPERM). */
  Errno checkAllowed(long pfn, long pages) {
    if (pfn + pages > rangeEnd(pfn)) {
      return Errno.EINVAL;
    }
    return isAllowed(pfn) ? Errno.OK : Errno.EPERM;
  }
}
