package dev.cocovisor.core.slot;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.core.mem.PhysicalHost;
import org.jspecify.annotations.Nullable;

/**
 * The dirty pages of one vCPU in the order they were written, in memory that userspace maps.
 *
 * <p>An entry is 16 bytes: flags, slot with its address space in the upper half, and the page
 * counted from the slot's first. KVM sets {@link #DIRTY}; userspace, which has copied the page,
 * sets {@link #RESET} over it; {@link #reset} takes such entries back, oldest first, as far as they
 * go without a gap. What an entry says is read from that memory again when it is taken back:
 * whoever has the ring mapped can change it. Source: {@code virt/kvm/dirty_ring.c} (7.3).
 */
public final class DirtyRing {
  /** KVM_DIRTY_GFN_F_DIRTY. */
  public static final int DIRTY = 1;

  /** KVM_DIRTY_GFN_F_RESET. */
  public static final int RESET = 2;

  /** Bytes of an entry (struct kvm_dirty_gfn). */
  public static final int ENTRY = 16;

  /** KVM_DIRTY_RING_MAX_ENTRIES, in bytes. */
  public static final long MAX_BYTES = 65536L * ENTRY;

  /** Entries kept free for what a vCPU may still write on its way out of the guest. */
  private static final int RESERVED = 64;

  private static final int BITS = Long.SIZE;

  private final PhysicalHost memory;
  private final long[] frames;
  private final int entries;
  private volatile int dirtyIndex;
  private volatile int resetIndex;
  private volatile boolean full;

  /** Makes pages of a slot log again. */
  @FunctionalInterface
  public interface Protect {
    /**
     * Protects pages; slot and pages are whatever userspace let stand.
     *
     * @param slot number and address space
     * @param offset the first page
     * @param mask which of the 64 pages from there, never 0
     */
    void protect(int slot, long offset, long mask);
  }

  private DirtyRing(PhysicalHost memory, long[] frames) {
    this.memory = memory;
    this.frames = frames;
    this.entries = (int) (frames.length * PageLevel.PAGE_SIZE / ENTRY);
  }

  /** Judges a size in bytes: OK, EINVAL or E2BIG (kvm_vm_ioctl_enable_dirty_log_ring). */
  public static Errno judge(int bytes) {
    long size = Integer.toUnsignedLong(bytes);
    if (Long.bitCount(size) != 1 || size < RESERVED * ENTRY || size < PageLevel.PAGE_SIZE) {
      return Errno.EINVAL;
    }
    return size > MAX_BYTES ? Errno.E2BIG : Errno.OK;
  }

  /** Returns an empty ring, or null where there is no memory for it. */
  public static @Nullable DirtyRing create(PhysicalHost memory, long bytes) {
    long[] frames = new long[(int) (bytes / PageLevel.PAGE_SIZE)];
    for (int i = 0; i < frames.length; i++) {
      frames[i] = memory.allocate(0);
      if (frames[i] < 0) {
        for (int j = 0; j < i; j++) {
          memory.free(frames[j], 0);
        }
        return null;
      }
      memory.raw().zero(frames[i], 1);
    }
    return new DirtyRing(memory, frames);
  }

  /** Gives the memory back. */
  public void free() {
    for (long frame : frames) {
      memory.free(frame, 0);
    }
  }

  /** Returns the frame of a page of the ring; -1 behind its end. */
  public long frame(long page) {
    return page >= 0 && page < frames.length ? frames[(int) page] : -1;
  }

  private long addressOf(int index) {
    long at = (long) (index & (entries - 1)) * ENTRY;
    return (frames[(int) (at >>> PageLevel.PAGE_SHIFT)] << PageLevel.PAGE_SHIFT)
        + (at & (PageLevel.PAGE_SIZE - 1));
  }

  private int used() {
    return dirtyIndex - resetIndex;
  }

  private boolean isSoftFull() {
    return used() >= entries - RESERVED;
  }

  /**
   * Logs a page (kvm_dirty_ring_push); only the vCPU whose ring it is does.
   *
   * @param slot number and address space
   * @param offset the page in the slot
   */
  public void push(int slot, long offset) {
    int at = dirtyIndex;
    SchedulePoint.write(PointKind.DIRTY, this, at & (entries - 1));
    long entry = addressOf(at);
    memory.raw().writeLong(entry + 8, offset);
    memory.raw().writeLong(entry, (long) slot << 32 | DIRTY);
    dirtyIndex = at + 1;
    if (isSoftFull()) {
      full = true;
    }
  }

  /**
   * Tells whether the vCPU may not enter the guest before userspace took entries
   * (kvm_dirty_ring_check_request).
   */
  public boolean keepsOut() {
    if (full) {
      full = isSoftFull();
    }
    return full;
  }

  /**
   * Takes back the entries that userspace has harvested (kvm_dirty_ring_reset); slots_lock is held.
   * Pages that lie near each other are protected together.
   *
   * @return how many entries
   */
  public int reset(Protect pages) {
    int taken = 0;
    int slot = 0;
    long offset = 0;
    long mask = 0;
    while (true) {
      int index = resetIndex;
      SchedulePoint.write(PointKind.DIRTY, this, index & (entries - 1));
      long at = addressOf(index);
      long head = memory.raw().readLong(at);
      if ((head & RESET) == 0) {
        break;
      }
      int nextSlot = (int) (head >>> 32);
      long nextOffset = memory.raw().readLong(at + 8);
      memory.raw().writeLong(at, head & ~0xffffffffL);
      resetIndex = index + 1;
      taken++;
      long delta = nextOffset - offset;
      if (mask != 0 && nextSlot == slot && delta >= 0 && delta < BITS) {
        mask |= 1L << delta;
        continue;
      }
      if (mask != 0
          && nextSlot == slot
          && delta < 0
          && delta > -BITS
          && mask << -delta >>> -delta == mask) {
        offset = nextOffset;
        mask = mask << -delta | 1;
        continue;
      }
      if (mask != 0) {
        pages.protect(slot, offset, mask);
      }
      slot = nextSlot;
      offset = nextOffset;
      mask = 1;
    }
    if (mask != 0) {
      pages.protect(slot, offset, mask);
    }
    return taken;
  }
}
