package dev.cocovisor.core.mmu;

import java.util.Arrays;

/**
 * A TLB of 256 entries; a page can lie in one of them only. It begins small and doubles where two
 * pages want one entry, so that it never forgets what one of 256 would keep.
 */
final class DirectMappedTlb implements TlbModel {
  private static final int MOST = 256;
  private static final int FIRST = 8;

  /** The tags of a TLB that never held anything. */
  private static final long[] NONE = new long[1];

  private long[] tags = NONE;
  private long[] values = NONE;

  private static long tag(long gfn, boolean isPrivate) {
    return gfn << 2 | (isPrivate ? 2 : 0) | 1;
  }

  @Override
  public long find(long gfn, boolean isPrivate, boolean write) {
    long[] all = tags;
    int i = (int) gfn & (all.length - 1);
    if (all[i] != tag(gfn, isPrivate)) {
      return MISS;
    }
    long v = values[i];
    return write && !TlbModel.isWritable(v) ? MISS : v;
  }

  @Override
  public long fill(long gfn, boolean isPrivate, long pfn, int level, boolean writable) {
    if (tags == NONE) {
      tags = new long[FIRST];
      values = new long[FIRST];
    }
    while (tags.length < MOST && isTaken((int) gfn & (tags.length - 1), gfn)) {
      grow();
    }
    int i = (int) gfn & (tags.length - 1);
    tags[i] = tag(gfn, isPrivate);
    values[i] = TlbModel.pack(pfn, level, writable);
    return values[i];
  }

  /** Tells whether an entry has another page, which a TLB of all entries could keep. */
  private boolean isTaken(int i, long gfn) {
    return tags[i] != 0 && (((tags[i] >>> 2) ^ gfn) & (MOST - 1)) != 0;
  }

  private void grow() {
    long[] oldTags = tags;
    long[] oldValues = values;
    tags = new long[2 * oldTags.length];
    values = new long[tags.length];
    for (int k = 0; k < oldTags.length; k++) {
      int i = (int) (oldTags[k] >>> 2) & (tags.length - 1);
      if (oldTags[k] != 0) {
        tags[i] = oldTags[k];
        values[i] = oldValues[k];
      }
    }
  }

  @Override
  public void flush() {
    if (tags != NONE) {
      Arrays.fill(tags, 0);
    }
  }

  @Override
  public void visit(Visitor visitor) {
    for (int i = 0; i < tags.length; i++) {
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
