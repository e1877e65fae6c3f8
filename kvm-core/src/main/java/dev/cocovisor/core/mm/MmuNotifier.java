package dev.cocovisor.core.mm;

/**
 * Told before user mappings change, so that a second stage never outlives them.
 *
 * <p>Source: {@code include/linux/mmu_notifier.h}, invalidate_range_start and _end.
 */
public interface MmuNotifier {
  /** Pages of [start, end), user addresses in bytes, are about to go or to change frame. */
  void invalidateRangeStart(long start, long end);

  /** The change announced by {@link #invalidateRangeStart} is made. */
  void invalidateRangeEnd(long start, long end);
}
