package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;

/**
 * The host's traffic in granules: frames given to the RMM and taken back.
 *
 * <p>A frame that cannot be taken back must never return to the allocator, since the next owner's
 * access would fault: it is leaked.
 */
// The CCA series, arch/arm64/kvm/rmi.c: alloc_delegated_granule, free_delegated_page,
// rmi_undelegate_range.
final class Granules {
  static final long NONE = -1;

  /** There was a frame, and the RMM does not take it. */
  static final long REFUSED = -2;

  private static final String UNDELEGATE_FAILED =
      "RMI_GRANULE_UNDELEGATE failed (free_delegated_page warns and leaks)";

  private final Rmi rmm;
  private final HostMemory memory;
  private final TraceSink trace;

  Granules(Rmi rmm, HostMemory memory, TraceSink trace) {
    this.rmm = rmm;
    this.memory = memory;
    this.trace = trace;
  }

  /** Returns why there is no granule: the host's memory, or the RMM. */
  static Errno why(long address) {
    return address == REFUSED ? Errno.ENXIO : Errno.ENOMEM;
  }

  /**
   * Allocates a frame and delegates it; returns its address, {@link #NONE} or {@link #REFUSED},
   * with nothing kept.
   */
  long allocateDelegated(Pe pe) {
    long pfn = allocate(0);
    if (pfn == HostMemory.NO_FRAME) {
      return NONE;
    }
    if (rmm.granuleDelegate(pe, pfn << PageLevel.PAGE_SHIFT) != Status.SUCCESS) {
      memory.free(pfn, 0);
      return REFUSED;
    }
    return pfn << PageLevel.PAGE_SHIFT;
  }

  /**
   * Allocates {@code 1 << order} contiguous frames and delegates them; returns the first address,
   * {@link #NONE} or {@link #REFUSED}, with nothing kept but what is leaked.
   */
  long allocateDelegated(Pe pe, VmContext vm, int order) {
    long pfn = allocate(order);
    if (pfn == HostMemory.NO_FRAME) {
      return NONE;
    }
    long n = 1L << order;
    long done = delegate(pe, pfn, n);
    if (done == n) {
      return pfn << PageLevel.PAGE_SHIFT;
    }
    free(pe, vm, pfn, order, done);
    return REFUSED;
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

  /** Tells of a frame that the host does not have. */
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

  /** Undelegates a frame and frees it, or leaks it. */
  void giveBack(Pe pe, VmContext vm, long address) {
    giveBack(pe, vm, address, 0);
  }

  /**
   * Undelegates {@code 1 << order} frames, at most 64, and frees them; those that stay are leaked.
   */
  void giveBack(Pe pe, VmContext vm, long address, int order) {
    free(pe, vm, address >>> PageLevel.PAGE_SHIFT, order, 1L << order);
  }

  /** Frees a block of which the first frames are delegated, but for those that leak. */
  private void free(Pe pe, VmContext vm, long pfn, int order, long delegated) {
    long lost = 0;
    for (long i = 0; i < delegated; i++) {
      if (!undelegate(pe, vm, pfn + i, 1)) {
        lost |= 1L << i;
      }
    }
    if (lost == 0) {
      memory.free(pfn, order);
      return;
    }
    for (long i = 0; i < 1L << order; i++) {
      if ((lost & 1L << i) == 0) {
        memory.free(pfn + i, 0);
      }
    }
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

  /** Undelegates frames; those that stay the Realm world's are leaked. Tells whether none is. */
  // "Page can't be returned to NS world so is lost": realm_create_protected_data_page up to v9;
  // v15, realm_map_protected: a range that cannot be undelegated stays the RMM's.
  boolean undelegate(Pe pe, VmContext vm, long pfn, long count) {
    boolean all = true;
    for (long i = 0; i < count; i++) {
      if (rmm.granuleUndelegate(pe, (pfn + i) << PageLevel.PAGE_SHIFT) != Status.SUCCESS) {
        vm.leak(pfn + i, 1, UNDELEGATE_FAILED);
        all = false;
      } else {
        vm.regained(pfn + i);
      }
    }
    return all;
  }
}
