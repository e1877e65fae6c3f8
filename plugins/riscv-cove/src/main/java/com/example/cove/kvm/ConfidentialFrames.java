package com.example.cove.kvm;

import com.example.cove.tsm.SbiStatus;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.sched.ModelLock;

/**
 * The host's traffic in frames: made confidential and taken back.
 *
 * <p>A platform has one fence at a time, so conversion and fence are under {@code cove_fence_lock}.
 * Source: the Linux series for CoVE, arch/riscv/kvm/cove.c, kvm_riscv_cove_fence.
 */
final class ConfidentialFrames {
  static final long NONE = -1;

  private final Covh covh;
  private final HostMachine host;
  private final ModelLock fenceLock = new ModelLock("cove_fence_lock");
  private final long refused;
  private long conversions;

  ConfidentialFrames(Covh covh, HostMachine host, long refused) {
    this.covh = covh;
    this.host = host;
    this.refused = refused;
  }

  /** Makes frames confidential and unassigned; all or none. */
  Errno convert(long pfn, long count) {
    fenceLock.lock();
    try {
      if (++conversions == refused) {
        return Errno.EFAULT;
      }
      SbiStatus s = covh.convert(pfn << PageLevel.PAGE_SHIFT, count);
      if (s.ok()) {
        s = covh.fenceAll(host.cpus());
      }
      return Covh.errno(s);
    } finally {
      fenceLock.unlock();
    }
  }

  /** Takes unassigned frames back, scrubbed; false if they are lost to the host. */
  boolean reclaim(long pfn, long count) {
    return covh.reclaim(pfn << PageLevel.PAGE_SHIFT, count).ok();
  }

  /**
   * Allocates {@code 1 << order} frames and makes them confidential; {@link #NONE} if it cannot.
   */
  long allocate(int order) {
    long pfn = host.memory().allocate(order);
    if (pfn == HostMemory.NO_FRAME) {
      return NONE;
    }
    if (!convert(pfn, 1L << order).ok()) {
      host.memory().free(pfn, order);
      return NONE;
    }
    return pfn;
  }

  /** Gives back what {@link #allocate} gave, unassigned again; false if it leaks. */
  boolean free(long pfn, int order) {
    if (!reclaim(pfn, 1L << order)) {
      return false;
    }
    host.memory().free(pfn, order);
    return true;
  }
}
