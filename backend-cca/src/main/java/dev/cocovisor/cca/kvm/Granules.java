package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;

/**
 * The host's traffic in granules: frames given to the RMM and taken back.
 *
 * <p>A frame that cannot be taken back must never return to the allocator, since the next owner's
 * access would fault; every method says what the caller has to count as leaked.
 */
// The CCA series, arch/arm64/kvm/rmi.c: alloc_delegated_granule, free_delegated_granule,
// undelegate_page.
final class Granules {
  static final long NONE = -1;

  private final Rmi rmm;
  private final HostMemory memory;
  private final TraceSink trace;

  Granules(Rmi rmm, HostMemory memory, TraceSink trace) {
    this.rmm = rmm;
    this.memory = memory;
    this.trace = trace;
  }

  /**
   * Allocates a frame and delegates it; returns its address or {@link #NONE}, with nothing kept.
   */
  long allocateDelegated(Pe pe) {
    long pfn = allocate(0);
    if (pfn == HostMemory.NO_FRAME) {
      return NONE;
    }
    if (rmm.granuleDelegate(pe, pfn << PageLevel.PAGE_SHIFT) != Status.SUCCESS) {
      memory.free(pfn, 0);
      return NONE;
    }
    return pfn << PageLevel.PAGE_SHIFT;
  }

  /**
   * Allocates {@code 1 << order} contiguous frames and delegates them; returns the first address or
   * {@link #NONE}, with nothing kept.
   */
  long allocateDelegated(Pe pe, int order) {
    long pfn = allocate(order);
    if (pfn == HostMemory.NO_FRAME) {
      return NONE;
    }
    long n = 1L << order;
    long done = delegate(pe, pfn, n);
    if (done == n) {
      return pfn << PageLevel.PAGE_SHIFT;
    }
    if (undelegate(pe, pfn, done) == 0) {
      memory.free(pfn, order);
    }
    return NONE;
  }

  /** Allocates a zeroed frame that stays the host's; returns its address or {@link #NONE}. */
  long allocatePage() {
    long pfn = allocate(0);
    if (pfn == HostMemory.NO_FRAME) {
      return NONE;
    }
    memory.raw().zero(pfn, 1);
    return pfn << PageLevel.PAGE_SHIFT;
  }

  /**
   * Callers answer ENOMEM: only here is it known whether the host had no frame or the RMM refused.
   */
  private long allocate(int order) {
    long pfn = memory.allocate(order);
    if (pfn == HostMemory.NO_FRAME) {
      var _ = trace.refuse(Errno.ENOMEM, "the host has no free frame of order " + order);
    }
    return pfn;
  }

  void freePage(long address) {
    memory.free(address >>> PageLevel.PAGE_SHIFT, 0);
  }

  /** Undelegates a frame and frees it; false if it leaks. */
  boolean giveBack(Pe pe, long address) {
    if (rmm.granuleUndelegate(pe, address) != Status.SUCCESS) {
      return false;
    }
    memory.free(address >>> PageLevel.PAGE_SHIFT, 0);
    return true;
  }

  /**
   * Delegates frames in order and returns how many were, so that the caller can undo just those.
   */
  // v14 of the series: a helper that only says "failed" leaks what it had delegated.
  long delegate(Pe pe, long pfn, long count) {
    for (long i = 0; i < count; i++) {
      if (rmm.granuleDelegate(pe, (pfn + i) << PageLevel.PAGE_SHIFT) != Status.SUCCESS) {
        return i;
      }
    }
    return count;
  }

  /** Undelegates frames; returns how many leak. */
  long undelegate(Pe pe, long pfn, long count) {
    long leaked = 0;
    for (long i = 0; i < count; i++) {
      if (rmm.granuleUndelegate(pe, (pfn + i) << PageLevel.PAGE_SHIFT) != Status.SUCCESS) {
        leaked++;
      }
    }
    return leaked;
  }
}
