package dev.cocovisor.core.mm;

/**
 * Told before user mappings change, so that a second stage never outlives them.
 *
 * <p>Source: {@code include/linux/mmu_notifier.h}, invalidate_range_start and _end, test_young and
 * clear_young.
 */
public interface MmuNotifier {
  /** Pages of [start, end), user addresses in bytes, are about to go or to change frame. */
  void invalidateRangeStart(long start, long end);

  /**
   * Tells whether pages of [start, end) were used through the second stage since they were last
   * made old: test_young, or clear_young and clear_flush_young, which flush nothing either where
   * KVM elides that (CONFIG_KVM_ELIDE_TLB_FLUSH_IF_YOUNG, x86).
   *
   * @param clear whether to make them old
   */
  default boolean young(long start, long end, boolean clear) {
    return false;
  }

  /** The change announced by {@link #invalidateRangeStart} is made. */
  void invalidateRangeEnd(long start, long end);
}
