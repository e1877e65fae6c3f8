package dev.cocovisor.core.mem;

import java.util.function.LongConsumer;

/**
 * Pins, which keep frames of a host alive behind the back of what they belong to, a mapping or a
 * file (FOLL_LONGTERM). A frame whose owner frees it while it is pinned is an orphan, freed with
 * its last pin.
 *
 * <p>vCPUs that fault one page pin it side by side: count and orphan bit of a frame are one word,
 * changed by compare-and-swap.
 */
final class Pins {
  private static final long ORPHAN = 1;
  private static final long ONE_PIN = 2;

  private final LongRadix words = new LongRadix();

  void pin(long pfn) {
    long w;
    do {
      w = words.get(pfn);
    } while (!words.compareAndSet(pfn, w, w + ONE_PIN));
  }

  /** Tells whether no frame of a range is pinned. */
  boolean none(long from, long to) {
    return words.next(from, to) < 0;
  }

  void forEachPinned(LongConsumer each) {
    long pfn = 0;
    while ((pfn = words.next(pfn, Long.MAX_VALUE)) >= 0) {
      each.accept(pfn++);
    }
  }

  /** The owner is gone; tells whether a pin keeps the frame. */
  boolean orphan(long pfn) {
    long w;
    do {
      w = words.get(pfn);
      if (w < ONE_PIN) {
        return false;
      }
    } while (!words.compareAndSet(pfn, w, w | ORPHAN));
    return true;
  }

  /** Gives a pin back; tells whether the frame is to be freed now. */
  boolean unpin(long pfn) {
    long w;
    long left;
    do {
      w = words.get(pfn);
      if (w < ONE_PIN) {
        throw new IllegalStateException("frame " + pfn + " is not pinned");
      }
      left = w - ONE_PIN;
    } while (!words.compareAndSet(pfn, w, left == ORPHAN ? 0 : left));
    return left == ORPHAN;
  }
}
