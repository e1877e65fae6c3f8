package com.example.cove.tsm;

import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The memory tracking table (MTT): for each frame, whether it is confidential and whose.
 *
 * <p>An entry is one word: the state in the low three bits, above it the TVM's id (TSM, TVM), the
 * fence version (CONVERTING) or the number of mappings (SHARED). Entries change by compare-and-swap
 * from one named state to another, so no two callers can both win a frame; hardware reads without a
 * lock. Frames never named cost nothing: the table is a tree with 4096 entries a node.
 *
 * <p>CONVERTING becomes UNASSIGNED without being written: a frame counts as converted once the
 * fence that followed its conversion is complete on every hart. Source: CoVE, "Page conversion";
 * Salus, page-tracking/src/page_info.rs, complete_conversion.
 */
final class MemoryTrackingTable {
  private static final int BITS = 12;
  private static final int NODE = 1 << BITS;
  private static final long FRAMES = 1L << (3 * BITS);
  private static final int SHIFT = 3;
  private static final FrameState[] STATES = FrameState.values();

  private final AtomicReferenceArray<@Nullable AtomicReferenceArray<AtomicLongArray>> top =
      new AtomicReferenceArray<>(NODE);
  private volatile long completed = -1;

  /** Tells whether frames from {@code pfn} on lie within what the table covers. */
  static boolean covers(long pfn, long count) {
    return pfn >= 0 && count > 0 && count <= FRAMES && pfn <= FRAMES - count;
  }

  /** Returns a frame's state; never allocates. */
  FrameState state(long pfn) {
    return stateOf(entry(pfn));
  }

  private FrameState stateOf(long entry) {
    FrameState s = STATES[(int) entry & 7];
    return s == FrameState.CONVERTING && entry >>> SHIFT <= completed ? FrameState.UNASSIGNED : s;
  }

  /** Returns the TVM a frame belongs to, 0 for none. */
  long owner(long pfn) {
    long e = entry(pfn);
    FrameState s = stateOf(e);
    return s == FrameState.TSM || s == FrameState.TVM ? e >>> SHIFT : 0;
  }

  /** Returns by how many mappings a frame is shared. */
  long sharers(long pfn) {
    long e = entry(pfn);
    return stateOf(e) == FrameState.SHARED ? e >>> SHIFT : 0;
  }

  /** Declares every frame whose conversion began by {@code version} converted. */
  void complete(long version) {
    completed = version;
  }

  /** Begins the conversion of frames; all or none. */
  boolean convert(long pfn, long count, long version) {
    return moveAll(pfn, count, FrameState.VMM, word(FrameState.CONVERTING, version));
  }

  /** Makes frames the host's again; all or none. */
  boolean reclaim(long pfn, long count) {
    return moveAll(pfn, count, FrameState.UNASSIGNED, word(FrameState.VMM, 0));
  }

  /** Assigns unassigned frames to a TVM, as its own memory or as the TSM's for it; all or none. */
  boolean assign(long pfn, long count, FrameState as, long gid) {
    return moveAll(pfn, count, FrameState.UNASSIGNED, word(as, gid));
  }

  /** Takes frames from their TVM. */
  void release(long pfn, long count) {
    for (long i = 0; i < count; i++) {
      node(pfn + i).set(index(pfn + i), word(FrameState.UNASSIGNED, 0));
    }
  }

  /** Counts one more mapping of a frame of the host's. */
  boolean share(long pfn) {
    while (true) {
      long e = entry(pfn);
      FrameState s = stateOf(e);
      if (s.confidential()) {
        return false;
      }
      long next = word(FrameState.SHARED, s == FrameState.SHARED ? (e >>> SHIFT) + 1 : 1);
      if (node(pfn).compareAndSet(index(pfn), e, next)) {
        return true;
      }
    }
  }

  /** Counts one mapping less; the last makes the frame the host's alone. */
  void unshare(long pfn) {
    node(pfn)
        .getAndUpdate(
            index(pfn),
            e -> {
              long left = (e >>> SHIFT) - 1;
              return left == 0 ? word(FrameState.VMM, 0) : word(FrameState.SHARED, left);
            });
  }

  /** Told of frames one by one. */
  @FunctionalInterface
  interface Visitor {
    /** Sees one frame that is not plainly the host's. */
    void frame(long pfn, FrameState state, long owner);
  }

  /** Visits every frame that is not {@link FrameState#VMM}; for checkers. */
  void visit(Visitor visitor) {
    for (int i = 0; i < NODE; i++) {
      AtomicReferenceArray<AtomicLongArray> mid = top.get(i);
      for (int j = 0; mid != null && j < NODE; j++) {
        AtomicLongArray leaf = mid.get(j);
        for (int k = 0; leaf != null && k < NODE; k++) {
          long pfn = ((long) i << BITS | j) << BITS | k;
          if (leaf.get(k) != 0) {
            visitor.frame(pfn, state(pfn), owner(pfn));
          }
        }
      }
    }
  }

  private boolean moveAll(long pfn, long count, FrameState from, long to) {
    for (long i = 0; i < count; i++) {
      if (!move(pfn + i, from, to)) {
        for (long j = 0; j < i; j++) {
          // Back to what they were: a conversion that was complete stays so.
          node(pfn + j).set(index(pfn + j), word(from, 0));
        }
        return false;
      }
    }
    return true;
  }

  private boolean move(long pfn, FrameState from, long to) {
    long e = entry(pfn);
    while (stateOf(e) == from) {
      if (node(pfn).compareAndSet(index(pfn), e, to)) {
        return true;
      }
      e = entry(pfn);
    }
    return false;
  }

  private static long word(FrameState s, long payload) {
    return payload << SHIFT | s.code();
  }

  private static int index(long pfn) {
    return (int) pfn & (NODE - 1);
  }

  private long entry(long pfn) {
    if (pfn < 0 || pfn >= FRAMES) {
      return 0;
    }
    AtomicReferenceArray<AtomicLongArray> mid = top.get((int) (pfn >>> (2 * BITS)));
    AtomicLongArray leaf = mid == null ? null : mid.get(index(pfn >>> BITS));
    return leaf == null ? 0 : leaf.get(index(pfn));
  }

  private AtomicLongArray node(long pfn) {
    int i = (int) (pfn >>> (2 * BITS));
    AtomicReferenceArray<AtomicLongArray> mid = top.get(i);
    if (mid == null) {
      var fresh = new AtomicReferenceArray<AtomicLongArray>(NODE);
      mid = top.compareAndSet(i, null, fresh) ? fresh : top.get(i);
    }
    if (mid == null) {
      throw new IllegalStateException("a node of the table is gone");
    }
    int j = index(pfn >>> BITS);
    AtomicLongArray leaf = mid.get(j);
    if (leaf == null) {
      var fresh = new AtomicLongArray(NODE);
      leaf = mid.compareAndSet(j, null, fresh) ? fresh : mid.get(j);
    }
    return leaf;
  }
}
