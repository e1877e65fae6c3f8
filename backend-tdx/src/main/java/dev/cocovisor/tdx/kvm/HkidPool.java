package dev.cocovisor.tdx.kvm;

import java.util.concurrent.atomic.AtomicLong;

/** The private HKIDs KVM may give to TDs (tdx_guest_keyid_pool), at most 64. */
final class HkidPool {
  private final int first;
  private final AtomicLong free;

  HkidPool(int first, int count) {
    this.first = first;
    this.free = new AtomicLong(count == 64 ? -1L : (1L << count) - 1);
  }

  /** Takes the lowest free HKID, or returns -1. */
  int take() {
    while (true) {
      long f = free.get();
      if (f == 0) {
        return -1;
      }
      if (free.compareAndSet(f, f & (f - 1))) {
        return first + Long.numberOfTrailingZeros(f);
      }
    }
  }

  void give(int hkid) {
    free.getAndUpdate(f -> f | 1L << (hkid - first));
  }
}
