package dev.cocovisor.core.mmu;

import java.util.Arrays;

/** A TLB of 256 entries; a page can lie in one of them only. */
final class DirectMappedTlb implements TlbModel {
  private static final int SIZE = 256;

  /** The tags of a TLB that never held anything. */
  private static final long[] NONE = new long[SIZE];

  private long[] tags = NONE;
  private long[] values = NONE;

  private static long tag(long gfn, boolean isPrivate) {
    return gfn << 2 | (isPrivate ? 2 : 0) | 1;
  }

  @Override
  public long find(long gfn, boolean isPrivate, boolean write) {
    int i = (int) gfn & (SIZE - 1);
    if (tags[i] != tag(gfn, isPrivate)) {
      return MISS;
    }
    long v = values[i];
    return write && !TlbModel.isWritable(v) ? MISS : v;
  }

  @Override
  public long fill(long gfn, boolean isPrivate, long pfn, int level, boolean writable) {
    int i = (int) gfn & (SIZE - 1);
    if (tags == NONE) {
      tags = new long[SIZE];
      values = new long[SIZE];
    }
    tags[i] = tag(gfn, isPrivate);
    values[i] = TlbModel.pack(pfn, level, writable);
    return values[i];
  }

  @Override
  public void flush() {
    if (tags != NONE) {
      Arrays.fill(tags, 0);
    }
  }

  @Override
  public void visit(Visitor visitor) {
    for (int i = 0; tags != NONE && i < SIZE; i++) {
      if (tags[i] != 0) {
        visitor.entry(
            tags[i] >>> 2,
            (tags[i] & 2) != 0,
            TlbModel.pfn(values[i]),
            TlbModel.isWritable(values[i]));
      }
    }
  }
}
