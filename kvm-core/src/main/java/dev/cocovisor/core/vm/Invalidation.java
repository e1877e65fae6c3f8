package dev.cocovisor.core.vm;

import dev.cocovisor.api.sched.Place;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;

/**
 * The invalidation sequence: how a fault notices that its page was taken away meanwhile.
 *
 * <p>Changed under mmu_lock exclusive; the number is read without a lock before a page is looked up
 * and checked under the lock before it is mapped. Source: {@code virt/kvm/kvm_main.c},
 * kvm_mmu_invalidate_start and _end; {@code include/linux/kvm_host.h}, mmu_invalidate_retry_gfn.
 */
final class Invalidation implements Place {
  private volatile long sequence;
  private volatile int inProgress;
  private volatile long start = Long.MAX_VALUE;
  private volatile long end;

  /** Returns the number to remember before looking a page up. */
  long read() {
    SchedulePoint.read(PointKind.SEQUENCE, this, 0);
    return sequence;
  }

  void begin() {
    SchedulePoint.write(PointKind.SEQUENCE, this, 0);
    // One writer at a time, under mmu_lock: plain steps on volatile fields.
    int open = inProgress;
    if (open == 0) {
      start = Long.MAX_VALUE;
      end = 0;
    }
    inProgress = open + 1;
  }

  /** Returns how many invalidations are open. */
  int openings() {
    return inProgress;
  }

  void add(long from, long to) {
    long low = Math.min(start, from);
    long high = Math.max(end, to);
    start = low;
    end = high;
  }

  void end() {
    int open = inProgress;
    if (open <= 0) {
      throw new IllegalStateException("invalidation ended that never began");
    }
    SchedulePoint.write(PointKind.SEQUENCE, this, 0);
    long next = sequence + 1;
    sequence = next;
    inProgress = open - 1;
  }

  @Override
  public String placeName(long index) {
    return index == 0 ? "mmu_invalidate_seq" : "fault on gfn 0x" + Long.toHexString(index);
  }

  boolean active() {
    return inProgress != 0;
  }

  /** Tells whether a page looked up under {@code seen} may be gone. */
  boolean mustRetry(long seen, long gfn) {
    SchedulePoint.read(PointKind.SEQUENCE, this, 0);
    return (inProgress != 0 && gfn >= start && gfn < end) || sequence != seen;
  }
}
