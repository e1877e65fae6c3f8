package dev.cocovisor.core.mem;

import dev.cocovisor.api.mem.DirectMap;

/**
 * The linear mapping of all memory: 2 MiB pages until somebody splits them, all present until
 * somebody takes a frame out. Split regions stay split, as set_memory_4k leaves them.
 *
 * <p>Source: the discussion of fd-based private memory and the direct map under its series v7, 6
 * July 2022.
 */
final class KernelDirectMap implements DirectMap {
  private final LongRadix split = new LongRadix();
  private final LongRadix absent = new LongRadix();
  private long splitRegions;

  @Override
  public void split(long pfn, long count) {
    for (long r = pfn >>> 9; r <= (pfn + count - 1) >>> 9; r++) {
      if (split.compareAndSet(r, 0, 1)) {
        splitRegions++;
      }
    }
  }

  @Override
  public void setPresent(long pfn, long count, boolean present) {
    for (long p = pfn; p < pfn + count; p++) {
      // A whole region can be cut out without splitting it.
      boolean whole = (p & 511) == 0 && p + 512 <= pfn + count;
      if (!whole && !isSplit(p)) {
        split(p, 1);
      }
      if (whole) {
        for (long q = p; q < p + 512; q++) {
          absent.set(q, present ? 0 : 1);
        }
        p += 511;
      } else {
        absent.set(p, present ? 0 : 1);
      }
    }
  }

  @Override
  public boolean isSplit(long pfn) {
    return split.get(pfn >>> 9) != 0;
  }

  @Override
  public boolean isPresent(long pfn) {
    return absent.get(pfn) == 0;
  }

  @Override
  public long splitRegions() {
    return splitRegions;
  }
}
