package dev.cocovisor.core.gmem;

import dev.cocovisor.core.attr.AttributeRuns;

/**
 * Which pages of a guest_memfd are private. All begin as the file's flags say; what is kept is
 * which are otherwise. Read without a lock, changed under the invalidate lock. Source: {@code
 * virt/kvm/guest_memfd.c} (7.4), kvm_gmem_get_attributes.
 */
final class PageStates {
  private final boolean beginsShared;
  private final AttributeRuns otherwise = new AttributeRuns();

  PageStates(boolean beginsShared) {
    this.beginsShared = beginsShared;
  }

  private int mark(boolean isPrivate) {
    return isPrivate == beginsShared ? 1 : 0;
  }

  boolean isPrivate(long index) {
    return (otherwise.get(index) != 0) == beginsShared;
  }

  boolean allAre(long start, long end, boolean isPrivate) {
    return otherwise.rangeIs(start, end, 0xff, mark(isPrivate));
  }

  /** Returns how many pages are not as they began. */
  long converted() {
    return otherwise.countSet(0, 1L << 51);
  }

  void set(long start, long end, boolean isPrivate) {
    otherwise.set(start, end, mark(isPrivate));
  }
}
