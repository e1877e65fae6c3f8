package dev.cocovisor.core.mem;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.function.Consumer;

/**
 * Remembers frames that the host's kernel freed while a trusted half kept them from it: whoever
 * gets such a frame next faults on its first store. In a kernel that keeps count there are none.
 */
final class FreedWhileHeld {
  private static final int MOST = 64;
  private static final int BLOCK_ORDER = 9;

  private final ConcurrentSkipListSet<Long> frames = new ConcurrentSkipListSet<>();

  /** A block is about to be freed; blocks above 2 MiB are looked at every 2 MiB. */
  void freeing(PhysicalHost memory, long pfn, int order) {
    long step = order > BLOCK_ORDER ? 1L << BLOCK_ORDER : 1;
    for (long p = pfn; p < pfn + (1L << order); p += step) {
      if (memory.check(Accessor.HOST_KERNEL, p, true) == Verdict.FAULT && frames.size() < MOST) {
        frames.add(p);
      }
    }
  }

  void report(Consumer<String> violation) {
    for (long pfn : frames) {
      violation.accept(
          "frame 0x" + Long.toHexString(pfn) + " was freed while the host could not write it");
    }
  }
}
