package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.Srcu;
import dev.cocovisor.core.slot.DirtyRing;
import dev.cocovisor.core.slot.MemSlot;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * KVM's own accesses to guest memory: what it reads for the guest, and the pages it keeps at hand,
 * as those of the clock and of steal time.
 *
 * <p>An access goes through the VMM's mapping at the slot's user address, so what KVM sees is
 * shared memory. A page kept at hand ({@link CachedPage}) is given up when the VMM's mapping
 * changes, when slots change, and when it is converted to private. Sources: {@code
 * virt/kvm/kvm_main.c} (7.3), kvm_read_guest, kvm_write_guest; {@code virt/kvm/pfncache.c}.
 */
public final class KernelAccess {
  private final Vm vm;
  private final ModelLock lock = new ModelLock("kvm->gpc_lock");
  private final List<CachedPage> cached = new ArrayList<>();
  private volatile long sequence;
  private volatile int changing;

  KernelAccess(Vm vm) {
    this.vm = vm;
  }

  /** Reads guest memory (kvm_read_guest); EFAULT where there is no slot or nothing mapped. */
  public Errno read(long gpa, byte[] into, int offset, int length) {
    return copy(0, gpa, into, offset, length, false, null);
  }

  /** Writes guest memory and logs it as dirty (kvm_write_guest); as {@link #read}. */
  public Errno write(long gpa, byte[] from, int offset, int length) {
    return copy(0, gpa, from, offset, length, true, null);
  }

  /** Writes as {@link #write} for a running vCPU, whose ring logs it (kvm_vcpu_write_guest). */
  Errno write(Vcpu vcpu, long gpa, byte[] from, int offset, int length) {
    return copy(vcpu.asId(), gpa, from, offset, length, true, vcpu.pages().ring());
  }

  /** Reads as {@link #read} what a vCPU sees (kvm_vcpu_read_guest). */
  Errno read(Vcpu vcpu, long gpa, byte[] into, int offset, int length) {
    return copy(vcpu.asId(), gpa, into, offset, length, false, null);
  }

  private Errno copy(
      int as,
      long gpa,
      byte[] bytes,
      int offset,
      int length,
      boolean write,
      @Nullable DirtyRing ring) {
    Srcu srcu = vm.srcu();
    int token = srcu.readLock();
    try {
      for (int done = 0; done < length; ) {
        long at = gpa + done;
        int n = Math.min((int) (PageLevel.PAGE_SIZE - inPage(at)), length - done);
        Errno r = page(as, at, bytes, offset + done, n, write, ring);
        if (!r.ok()) {
          return r;
        }
        done += n;
      }
      return Errno.OK;
    } finally {
      srcu.readUnlock(token);
    }
  }

  private Errno page(
      int as,
      long gpa,
      byte[] bytes,
      int offset,
      int length,
      boolean write,
      @Nullable DirtyRing ring) {
    long gfn = gpa >>> PageLevel.PAGE_SHIFT;
    MemSlot slot = vm.slotsOf(as).find(gfn);
    if (slot == null || slot.isInvalid() || (write && slot.isReadonly())) {
      return vm.refuse(Errno.EFAULT, "no slot that the kernel may use there");
    }
    long hva = slot.userAddressOf(gfn) + inPage(gpa);
    Errno r =
        write
            ? UserCopy.write(vm.memory(), vm.space(), hva, bytes, offset, length)
            : UserCopy.read(vm.memory(), vm.space(), hva, bytes, offset, length);
    if (r.ok() && write) {
      slot.markDirty(gfn, ring);
    }
    return r;
  }

  static long inPage(long address) {
    return address & (PageLevel.PAGE_SIZE - 1);
  }

  /** Keeps a page at hand (kvm_gpc_init); it is looked up with its first use. */
  public CachedPage cache(long gpa) {
    CachedPage page = new CachedPage(vm, this, gpa);
    lock.lock();
    try {
      cached.add(page);
    } finally {
      lock.unlock();
    }
    return page;
  }

  void forget(CachedPage page) {
    lock.lock();
    try {
      cached.remove(page);
    } finally {
      lock.unlock();
    }
  }

  /** Returns the number to remember before a page is looked up. */
  long sequence() {
    return sequence;
  }

  /** Tells whether a page looked up under {@code seen} may be gone (mmu_notifier_retry_cache). */
  boolean mustRetry(long seen) {
    return changing != 0 || sequence != seen;
  }

  /** User addresses are about to lead elsewhere (gfn_to_pfn_cache_invalidate_start). */
  void userChangeBegins(long start, long end) {
    lock.lock();
    try {
      // One writer at a time, under gpc_lock: plain steps on volatile fields.
      int more = changing + 1;
      changing = more;
      for (CachedPage p : cached) {
        p.invalidateUser(start, end);
      }
    } finally {
      lock.unlock();
    }
  }

  /** The change is made. */
  void userChangeEnds() {
    lock.lock();
    try {
      long next = sequence + 1;
      sequence = next;
      int less = changing - 1;
      changing = less;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Guest frames become private: what KVM keeps of them is given up, and whoever uses it is waited
   * for, before the conversion returns. The series for conversion in place asks it of every user of
   * guest memory; not verified against a merged kernel.
   */
  void becomesPrivate(long start, long end) {
    lock.lock();
    try {
      long next = sequence + 1;
      sequence = next;
      for (CachedPage p : cached) {
        p.invalidateGuest(start, end);
      }
    } finally {
      lock.unlock();
    }
  }
}
