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
 *
 * <p>A host can be given another by its {@link Factory}.
 */
public class Invalidation implements Place {
  /** Why pages go. */
  public enum Cause {
    /** The VMM's mappings change. */
    USER_MAPPINGS,
    /** Pages of a guest_memfd are freed or unbound. */
    PRIVATE_FILE,
    /** Memory attributes change. */
    ATTRIBUTES
  }

  /** Makes the sequence of a VM. */
  @FunctionalInterface
  public interface Factory {
    /** The one that is built in. */
    Factory KERNEL = Invalidation::new;

    /** Makes one. */
    Invalidation create();
  }

  private volatile long sequence;
  private volatile int inProgress;
  private volatile long start = Long.MAX_VALUE;
  private volatile long end;

  /** Creates a sequence that nothing has moved yet. */
  public Invalidation() {}

  /** Returns the number to remember before looking a page up. */
  public long read() {
    SchedulePoint.read(PointKind.SEQUENCE, this, 0);
    return sequence;
  }

  /**
   * Returns the number that a fault is held to once its page was looked up: the one remembered
   * before.
   */
  public long lookedUp(long remembered) {
    return remembered;
  }

  /** Opens an invalidation. */
  public void begin(Cause cause) {
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
  final int openings() {
    return inProgress;
  }

  /** Adds a range of gfns to the open ones. */
  public void add(long from, long to) {
    long low = Math.min(start, from);
    long high = Math.max(end, to);
    start = low;
    end = high;
  }

  /**
   * Adds the huge page around an end of a range of gfns whose attributes change: it must not be
   * installed meanwhile. Source: {@code arch/x86/kvm/mmu/mmu.c},
   * kvm_arch_pre_set_memory_attributes.
   */
  public void addHugePage(long from, long to) {
    add(from, to);
  }

  /** Closes an invalidation, which moves the sequence. */
  public void end(Cause cause) {
    int open = inProgress;
    if (open <= 0) {
      throw new IllegalStateException("invalidation ended that never began");
    }
    SchedulePoint.write(PointKind.SEQUENCE, this, 0);
    move();
    inProgress = open - 1;
  }

  /** Moves the sequence on. */
  protected void move() {
    long next = sequence + 1;
    sequence = next;
  }

  @Override
  public String placeName(long index) {
    return index == 0 ? "mmu_invalidate_seq" : "fault on gfn 0x" + Long.toHexString(index);
  }

  /** Tells whether an invalidation is open. */
  final boolean active() {
    return inProgress != 0;
  }

  /** Tells whether a page looked up under {@code seen} may be gone. */
  public boolean mustRetry(long seen, long gfn) {
    SchedulePoint.read(PointKind.SEQUENCE, this, 0);
    return (inProgress != 0 && gfn >= start && gfn < end) || sequence != seen;
  }
}
