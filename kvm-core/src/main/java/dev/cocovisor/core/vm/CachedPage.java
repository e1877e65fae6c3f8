package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.slot.MemSlot;

/**
 * A guest page whose frame the kernel keeps at hand (gfn_to_pfn_cache).
 *
 * <p>Used under {@code lock} shared, after a look whether it is still good; made good again under
 * the refresh lock, where a lookup that a change of the mapping overtook is made anew. Whoever
 * takes the page away takes {@code lock} exclusively and so waits for who uses it. Source: {@code
 * virt/kvm/pfncache.c} (7.3), kvm_gpc_check, hva_to_pfn_retry, gfn_to_pfn_cache_invalidate_start.
 */
public final class CachedPage {
  private final Vm vm;
  private final KernelAccess owner;
  private final long gpa;
  private final ModelLock lock = new ModelLock("gpc->lock");
  private final ModelLock refresh = new ModelLock("gpc->refresh_lock");
  private long generation;
  private long hva;
  private long pfn;
  private boolean valid;

  CachedPage(Vm vm, KernelAccess owner, long gpa) {
    this.vm = vm;
    this.owner = owner;
    this.gpa = gpa;
  }

  /** Writes a byte through the kernel's mapping, looking the page up again where it must. */
  public Errno write(int value) {
    while (true) {
      lock.lockShared();
      try {
        if (isGood()) {
          long hpa = pfn << PageLevel.PAGE_SHIFT | KernelAccess.inPage(gpa);
          SchedulePoint.write(PointKind.GUEST_BYTE, vm.memory(), pfn);
          return vm.memory().writeByte(Accessor.HOST_KERNEL, hpa, value)
              ? Errno.OK
              : vm.refuse(Errno.EFAULT, "the frame is kept from the host");
        }
      } finally {
        lock.unlockShared();
      }
      Errno r = lookUp();
      if (!r.ok()) {
        return r;
      }
    }
  }

  /** Gives the page up for good (kvm_gpc_deactivate). */
  public void close() {
    owner.forget(this);
  }

  private boolean isGood() {
    return valid && generation == vm.slotsOf(0).generation();
  }

  private Errno lookUp() {
    refresh.lock();
    int token = vm.srcu().readLock();
    try {
      long gfn = gpa >>> PageLevel.PAGE_SHIFT;
      for (long tries = 0; tries <= vm.rules().retries(); tries++) {
        long seen = owner.sequence();
        long nowGeneration = vm.slotsOf(0).generation();
        MemSlot slot = vm.slotsOf(0).find(gfn);
        if (slot == null || slot.isInvalid() || vm.isPrivate(gfn)) {
          return vm.refuse(Errno.EFAULT, "no shared page that the kernel may keep at hand");
        }
        long at = slot.userAddressOf(gfn);
        long entry = vm.space().fault(at, true);
        if (entry < 0) {
          return vm.refuse(Errno.EFAULT, "the VMM has nothing mapped there");
        }
        lock.lock();
        try {
          if (!owner.mustRetry(seen)) {
            generation = nowGeneration;
            hva = at;
            pfn = AddressSpace.frameOf(entry);
            valid = true;
            return Errno.OK;
          }
        } finally {
          lock.unlock();
        }
        SchedulePoint.retry(owner, gfn, tries);
      }
      return vm.refuse(Errno.EINTR, "the page changes faster than it can be looked up");
    } finally {
      vm.srcu().readUnlock(token);
      refresh.unlock();
    }
  }

  void invalidateUser(long start, long end) {
    lock.lock();
    try {
      if (valid && hva >= start && hva < end) {
        valid = false;
      }
    } finally {
      lock.unlock();
    }
  }

  void invalidateGuest(long start, long end) {
    lock.lock();
    try {
      long gfn = gpa >>> PageLevel.PAGE_SHIFT;
      if (gfn >= start && gfn < end) {
        valid = false;
      }
    } finally {
      lock.unlock();
    }
  }
}
