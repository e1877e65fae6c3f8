package dev.cocovisor.core.vm;

import java.util.Arrays;

/**
 * Translations a vCPU keeps until it is told to drop them. It knows nothing of the tables, so a
 * flush that was forgotten is seen as an access through a stale entry. 256 entries, direct mapped;
 * used under the vCPU's mutex.
 */
final class Tlb {
  private static final int SIZE = 256;

  private final long[] tags = new long[SIZE];
  private final long[] values = new long[SIZE];

  private static long tag(long gfn, boolean isPrivate) {
    return gfn << 2 | (isPrivate ? 2 : 0) | 1;
  }

  /** Returns {@code pfn << 4 | level << 1 | writable}, or -1. */
  long find(long gfn, boolean isPrivate, boolean write) {
    int i = (int) gfn & (SIZE - 1);
    if (tags[i] != tag(gfn, isPrivate)) {
      return -1;
    }
    long v = values[i];
    return write && (v & 1) == 0 ? -1 : v;
  }

  long fill(long gfn, boolean isPrivate, long pfn, int level, boolean writable) {
    int i = (int) gfn & (SIZE - 1);
    tags[i] = tag(gfn, isPrivate);
    values[i] = pfn << 4 | (long) level << 1 | (writable ? 1 : 0);
    return values[i];
  }

  void flush() {
    Arrays.fill(tags, 0);
  }

  /** Sees one cached translation. */
  @FunctionalInterface
  interface Visitor {
    void entry(long gfn, boolean isPrivate, long pfn, boolean writable);
  }

  void visit(Visitor v) {
    for (int i = 0; i < SIZE; i++) {
      if (tags[i] != 0) {
        v.entry(tags[i] >>> 2, (tags[i] & 2) != 0, values[i] >>> 4, (values[i] & 1) != 0);
      }
    }
  }
}
