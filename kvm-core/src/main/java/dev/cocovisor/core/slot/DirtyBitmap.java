package dev.cocovisor.core.slot;

import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.core.mem.LongRadix;

/**
 * One bit for each page of a slot: written since the log was cleared last.
 *
 * <p>Faults set bits while others read and clear them, each 64 at a time. Words that nobody wrote
 * take no memory, so a log of a terabyte is cheap; a log that starts with every bit set keeps the
 * complement. Source: {@code virt/kvm/kvm_main.c}, kvm_alloc_dirty_bitmap, kvm_set_memslot,
 * mark_page_dirty_in_slot.
 */
public final class DirtyBitmap {
  private final LongRadix words = new LongRadix();
  private final long npages;
  private final boolean complement;

  /**
   * Creates a log.
   *
   * @param npages the slot's size
   * @param allSet whether every page counts as dirty at first
   */
  public DirtyBitmap(long npages, boolean allSet) {
    this.npages = npages;
    this.complement = allSet;
  }

  /** Returns the number of 64-bit words. */
  public int size() {
    return (int) ((npages + 63) >>> 6);
  }

  /** Sets the bit of a page, counted from the slot's first. */
  public void mark(long page) {
    SchedulePoint.write(PointKind.DIRTY, this, page >>> 6);
    exchange(page >>> 6, 1L << page, 1L << page);
  }

  /** Tells whether a page's bit is set. */
  public boolean isDirty(long page) {
    return (word((int) (page >>> 6)) >>> page & 1) != 0;
  }

  /** Returns a word. */
  public long word(int index) {
    return shown(words.get(index), index);
  }

  /** Clears the bits of {@code mask} in a word and returns those that were set. */
  public long clear(int index, long mask) {
    SchedulePoint.write(PointKind.DIRTY, this, index);
    return exchange(index, mask, 0) & mask;
  }

  /** Gives the bits under a mask new values; returns the word as it was. */
  private long exchange(long index, long mask, long bits) {
    while (true) {
      long stored = words.get(index);
      long was = shown(stored, index);
      long now = (was & ~mask) | (bits & mask);
      if (now == was || words.compareAndSet(index, stored, shown(now, index))) {
        return was;
      }
    }
  }

  /** Turns what is stored into what it means, and back. */
  private long shown(long word, long index) {
    return complement ? word ^ pagesOf(index) : word;
  }

  /** Returns the bits of a word that stand for pages. */
  private long pagesOf(long index) {
    long left = npages - (index << 6);
    return left >= 64 ? -1 : (1L << left) - 1;
  }
}
