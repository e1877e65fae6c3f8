package dev.cocovisor.tdx.kvm;

import java.util.Arrays;

/**
 * The 2 MiB ranges that the guest wants in small pages (KVM_LPAGE_GUEST_INHIBIT_FLAG); they never
 * leave. Added under mmu_lock exclusive, read without a lock.
 */
final class InhibitedRanges {
  private volatile long[] sorted = new long[0];

  boolean contains(long gfn) {
    return Arrays.binarySearch(sorted, gfn >>> 9) >= 0;
  }

  void add(long gfn) {
    long[] old = sorted;
    int at = Arrays.binarySearch(old, gfn >>> 9);
    if (at < 0) {
      long[] more = new long[old.length + 1];
      System.arraycopy(old, 0, more, 0, -at - 1);
      more[-at - 1] = gfn >>> 9;
      System.arraycopy(old, -at - 1, more, -at, old.length + at + 1);
      sorted = more;
    }
  }
}
