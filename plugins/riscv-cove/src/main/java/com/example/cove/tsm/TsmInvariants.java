package com.example.cove.tsm;

import dev.cocovisor.api.PageLevel;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;

/**
 * What is true between any two calls: a TVM's frame is mapped once, by its owner; a shared frame is
 * counted as often as it is mapped; every frame of the TSM's is on some TVM's list.
 */
final class TsmInvariants {
  private final MemoryTrackingTable mtt;
  private final Consumer<String> violation;
  private final Map<Long, Long> mappings = new HashMap<>();
  private final Map<Long, Long> own = new HashMap<>();

  TsmInvariants(MemoryTrackingTable mtt, Consumer<String> violation) {
    this.mtt = mtt;
    this.violation = violation;
  }

  void tvm(Tvm tvm) {
    for (long pfn : tvm.ownFrames) {
      own.put(pfn, tvm.gid);
    }
    tvm.table.visit((gpa, leaf) -> {
      long frames = GStage.entrySize(GStage.level(leaf)) >>> PageLevel.PAGE_SHIFT;
      long pfn = tvm.table.frame(leaf);
      for (long i = 0; i < frames; i++) {
        leaf(tvm, gpa + (i << PageLevel.PAGE_SHIFT), pfn + i, tvm.table.isShared(leaf));
      }
    });
  }

  private void leaf(Tvm tvm, long gpa, long pfn, boolean shared) {
    mappings.merge(pfn, 1L, Long::sum);
    FrameState s = mtt.state(pfn);
    if (shared ? s != FrameState.SHARED : s != FrameState.TVM || mtt.owner(pfn) != tvm.gid) {
      violation.accept(
          "TVM %d maps frame 0x%x at 0x%x, which is %s of %d"
              .formatted(tvm.gid, pfn, gpa, s, mtt.owner(pfn)));
    }
    if (tvm.regions.at(gpa) == GpaRegions.Kind.NONE) {
      violation.accept("TVM %d maps 0x%x, which is in no region".formatted(tvm.gid, gpa));
    }
  }

  void frames() {
    mtt.visit((pfn, state, owner) -> {
      long mapped = mappings.getOrDefault(pfn, 0L);
      switch (state) {
        case TVM -> expect(mapped == 1, pfn, state, owner, mapped);
        case SHARED -> expect(mapped == mtt.sharers(pfn), pfn, state, owner, mapped);
        case TSM -> expect(own.getOrDefault(pfn, 0L) == owner, pfn, state, owner, mapped);
        default -> expect(mapped == 0, pfn, state, owner, mapped);
      }
    });
  }

  private void expect(boolean holds, long pfn, FrameState state, long owner, long mapped) {
    if (!holds) {
      violation.accept(
          "frame 0x%x is %s of %d and mapped %d times".formatted(pfn, state, owner, mapped));
    }
  }
}
