package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.slot.DirtyBitmap;
import dev.cocovisor.core.slot.DirtyRing;
import dev.cocovisor.core.slot.MemSlot;
import org.jspecify.annotations.Nullable;

/**
 * KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG, and what happens to a slot's mappings when logging
 * starts or stops.
 *
 * <p>A page is logged when a fault lets the guest write it, and is write-protected when its bit is
 * cleared, so that the next write is seen. By default reading the log clears it; with manual
 * protection (KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) reading leaves it alone and userspace clears what
 * it has copied. With KVM_DIRTY_LOG_INITIALLY_SET every page counts as dirty at first, and huge
 * mappings stay until the first clear cuts them.
 *
 * <p>Processors that log dirty pages themselves (Intel's PML) show the same bits; the model always
 * write-protects, as KVM does on the recorded host. A VM may log in rings of its vCPUs instead
 * ({@link DirtyRing}). Sources: {@code virt/kvm/kvm_main.c}, kvm_get_dirty_log_protect,
 * kvm_clear_dirty_log_protect, kvm_vm_ioctl_enable_dirty_log_ring, kvm_vm_ioctl_reset_dirty_pages;
 * {@code arch/x86/kvm/x86.c}, kvm_mmu_slot_apply_flags; {@code arch/x86/kvm/mmu/mmu.c},
 * kvm_arch_mmu_enable_log_dirty_pt_masked.
 */
public final class DirtyLog {
  /** KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE. */
  static final long MANUAL_PROTECT = 1;

  /** KVM_DIRTY_LOG_INITIALLY_SET. */
  static final long INITIALLY_SET = 2;

  private final Vm vm;
  private volatile long manual;
  private volatile long ringBytes;
  private volatile boolean withBitmap;

  /** Takes a bitmap to userspace. */
  @FunctionalInterface
  public interface Taker {
    /** Returns OK, or EFAULT where userspace has no room for it. */
    Errno take(long[] words);
  }

  /** Gets a bitmap from userspace. */
  @FunctionalInterface
  public interface Giver {
    /** Fills the words; returns OK, or EFAULT where userspace has none. */
    Errno give(long[] words);
  }

  DirtyLog(Vm vm) {
    this.vm = vm;
  }

  /** KVM_ENABLE_CAP of KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: the second option needs the first. */
  Errno enableManual(long flags, long options) {
    long allowed =
        (options & MANUAL_PROTECT) != 0 ? MANUAL_PROTECT | INITIALLY_SET : MANUAL_PROTECT;
    if (flags != 0 || (options & ~allowed) != 0) {
      return vm.refuse(
          Errno.EINVAL, "flags must be 0, options MANUAL_PROTECT_ENABLE, with it INITIALLY_SET");
    }
    manual = options;
    return Errno.OK;
  }

  /** KVM_ENABLE_CAP of KVM_CAP_DIRTY_LOG_RING and .._ACQ_REL: once, and before there are vCPUs. */
  Errno enableRing(int bytes) {
    Errno r = DirtyRing.judge(bytes);
    if (!r.ok()) {
      return vm.refuse(r, "a ring is a power of two of bytes, from 4096 to 1 MiB");
    }
    if (ringBytes != 0) {
      return vm.refuse(Errno.EINVAL, "the VM has rings already");
    }
    vm.kvmLock().lock();
    try {
      if (vm.devices().hasVcpus()) {
        return vm.refuse(Errno.EINVAL, "rings come before the vCPUs");
      }
      ringBytes = bytes;
      return Errno.OK;
    } finally {
      vm.kvmLock().unlock();
    }
  }

  /**
   * KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP: what no vCPU writes has its bit; before there are slots.
   */
  Errno enableBitmapBeside() {
    if (ringBytes == 0) {
      return vm.refuse(Errno.EINVAL, "the VM has no rings");
    }
    vm.slotsLock().lock();
    try {
      for (int as = 0; as < vm.rules().addressSpaces(); as++) {
        if (vm.slotsOf(as).size() != 0) {
          return vm.refuse(Errno.EINVAL, "the bitmap comes before the slots");
        }
      }
      withBitmap = true;
      return Errno.OK;
    } finally {
      vm.slotsLock().unlock();
    }
  }

  /** Returns the size of a vCPU's ring of dirty pages in bytes; 0 where slots have bitmaps. */
  long ringBytes() {
    return ringBytes;
  }

  /** Tells whether slots have a bitmap (kvm_use_dirty_bitmap). */
  private boolean usesBitmap() {
    return ringBytes == 0 || withBitmap;
  }

  /**
   * KVM_RESET_DIRTY_RINGS: takes back what userspace harvested of all rings, and protects it.
   *
   * @return how many entries, or a negative errno
   */
  public long resetRings() {
    if (ringBytes == 0) {
      return -vm.refuse(Errno.EINVAL, "the VM has no rings").number();
    }
    int taken = 0;
    vm.slotsLock().lock();
    try {
      for (Vcpu v : vm.vcpuArray()) {
        DirtyRing ring = v.pages().ring();
        taken += ring == null ? 0 : ring.reset(this::protectAgain);
      }
    } finally {
      vm.slotsLock().unlock();
    }
    if (taken != 0) {
      vm.flushRemoteTlbs();
    }
    return taken;
  }

  /** What an entry names may be gone, or was never there (kvm_reset_dirty_gfn). */
  private void protectAgain(int slotNumber, long offset, long mask) {
    MemSlot slot = isUserSlot(slotNumber) ? slot(slotNumber) : null;
    long last = offset + 63 - Long.numberOfLeadingZeros(mask);
    if (slot == null
        || Long.compareUnsigned(offset, slot.npages()) >= 0
        || Long.compareUnsigned(last, slot.npages()) >= 0) {
      return;
    }
    vm.mmuLock().lock();
    try {
      protect(slot, slot.baseGfn() + offset, mask);
    } finally {
      vm.mmuLock().unlock();
    }
  }

  private boolean initiallySet() {
    return (manual & INITIALLY_SET) != 0;
  }

  /** Returns the slot with the bitmap it needs: the old one's, or a new one. */
  MemSlot prepared(@Nullable MemSlot old, MemSlot now) {
    if (!now.isDirtyLogged()) {
      return now;
    }
    DirtyBitmap kept = old == null ? null : old.dirtyBitmap();
    if (kept == null && !usesBitmap()) {
      return now;
    }
    return now.loggedIn(kept != null ? kept : new DirtyBitmap(now.npages(), initiallySet()));
  }

  /** Logging was switched on or off; read-only slots cannot get dirty. */
  void applyFlags(MemSlot old, MemSlot now) {
    SecondStage stage = vm.stage(now.asId());
    if (old.isDirtyLogged() == now.isDirtyLogged() || now.isReadonly() || stage == null) {
      return;
    }
    vm.mmuLock().lock();
    try {
      if (!now.isDirtyLogged()) {
        stage.recoverHuge(now, vm::recoverLevel);
      } else if (!initiallySet()) {
        stage.splitAll(now.baseGfn(), now.endGfn());
        stage.protectWrites(now.baseGfn(), now.endGfn(), 1, 3);
        vm.flushRemoteTlbs();
      }
    } finally {
      vm.mmuLock().unlock();
    }
  }

  private static int addressSpace(long slotNumber) {
    return (int) (slotNumber >>> 16) & 0xffff;
  }

  private boolean isUserSlot(long slotNumber) {
    return addressSpace(slotNumber) < vm.rules().addressSpaces()
        && (slotNumber & 0xffff) < vm.rules().arch().userSlots();
  }

  private @Nullable MemSlot slot(long slotNumber) {
    return vm.slotsOf(addressSpace(slotNumber)).byId((int) slotNumber & 0xffff);
  }

  /** KVM_GET_DIRTY_LOG. The mappings are flushed before userspace sees the bits, or fails to. */
  public Errno get(long slotNumber, Taker to) {
    if (!usesBitmap()) {
      return ringsInstead();
    }
    if (!isUserSlot(slotNumber)) {
      return vm.refuse(Errno.EINVAL, "no such address space or slot number");
    }
    vm.slotsLock().lock();
    try {
      MemSlot slot = slot(slotNumber);
      DirtyBitmap log = slot == null ? null : slot.dirtyBitmap();
      if (slot == null || log == null) {
        return notLogged(slot);
      }
      long[] words = new long[log.size()];
      boolean keep = (manual & MANUAL_PROTECT) != 0;
      for (int i = 0; keep && i < words.length; i++) {
        words[i] = log.word(i);
      }
      if (!keep) {
        java.util.Arrays.fill(words, -1);
        clear(slot, log, 0, words);
      }
      return to.take(words);
    } finally {
      vm.slotsLock().unlock();
    }
  }

  /** KVM_CLEAR_DIRTY_LOG. Only the slot's end may cut a word of 64 pages. */
  public Errno clear(long slotNumber, long firstPage, long numPages, Giver from) {
    if (!usesBitmap()) {
      return ringsInstead();
    }
    if (!isUserSlot(slotNumber) || (firstPage & 63) != 0) {
      return vm.refuse(
          Errno.EINVAL,
          isUserSlot(slotNumber)
              ? "first_page is no multiple of 64"
              : "no such address space or slot number");
    }
    vm.slotsLock().lock();
    try {
      MemSlot slot = slot(slotNumber);
      DirtyBitmap log = slot == null ? null : slot.dirtyBitmap();
      if (slot == null || log == null) {
        return notLogged(slot);
      }
      long n = numPages & 0xffffffffL;
      long left = slot.npages() - firstPage;
      if (Long.compareUnsigned(firstPage, slot.npages()) > 0
          || n > left
          || (n < left && (n & 63) != 0)) {
        return vm.refuse(
            Errno.EINVAL, "the pages leave the slot, or cut a word of 64 before its end");
      }
      long[] words = new long[(int) ((n + 63) >>> 6)];
      Errno r = from.give(words);
      if (r.ok()) {
        clear(slot, log, (int) (firstPage >>> 6), words);
      }
      return r;
    } finally {
      vm.slotsLock().unlock();
    }
  }

  private Errno ringsInstead() {
    return vm.refuse(Errno.ENXIO, "the VM logs dirty pages in its vCPUs' rings");
  }

  private Errno notLogged(@Nullable MemSlot slot) {
    return vm.refuse(
        Errno.ENOENT, slot == null ? "there is no such slot" : "the slot logs no dirty pages");
  }

  /** Clears the bits of {@code words}, which then hold those that were set, and protects pages. */
  private void clear(MemSlot slot, DirtyBitmap log, int first, long[] words) {
    boolean flush = false;
    vm.mmuLock().lock();
    try {
      for (int i = 0; i < words.length; i++) {
        words[i] = words[i] == 0 ? 0 : log.clear(first + i, words[i]);
        if (words[i] != 0) {
          flush = true;
          protect(slot, slot.baseGfn() + ((long) (first + i) << 6), words[i]);
        }
      }
    } finally {
      vm.mmuLock().unlock();
    }
    if (flush) {
      vm.flushRemoteTlbs();
    }
  }

  private void protect(MemSlot slot, long gfn, long mask) {
    SecondStage stage = vm.stage(slot.asId());
    if (stage == null) {
      return;
    }
    if (initiallySet()) {
      // Huge mappings were left writable when logging began: now they are cut.
      long start = gfn + Long.numberOfTrailingZeros(mask);
      long end = gfn + 64 - Long.numberOfLeadingZeros(mask);
      stage.splitAll(start, end);
      stage.protectWrites(start, end, 2, 3);
    }
    for (long left = mask; left != 0; left &= left - 1) {
      long page = gfn + Long.numberOfTrailingZeros(left);
      stage.protectWrites(page, page + 1, 1, 1);
    }
  }
}
