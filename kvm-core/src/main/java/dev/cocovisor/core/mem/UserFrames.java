package dev.cocovisor.core.mem;

import dev.cocovisor.api.mem.HostMemory;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * The frames behind user memory and how many references mappings and files have of them.
 *
 * <p>A folio of 4 KiB or 2 MiB has one count, changed by compare-and-swap; it is freed with the
 * last reference, and comes back to the allocator once no pin ({@link PhysicalHost#pin}) keeps it
 * either.
 *
 * <p>Thread-safe.
 */
public final class UserFrames {
  private static final int HUGE_ORDER = 9;

  /** What {@link #huge} has of a folio of the pool; others have 1. */
  private static final long OF_POOL = 2;

  private final PhysicalHost memory;
  private final LongRadix counts = new LongRadix();
  private final LongRadix huge = new LongRadix();
  private final HugePool pool;
  private long hugeZero = HostMemory.NO_FRAME;

  UserFrames(PhysicalHost memory, HugePool pool) {
    this.memory = memory;
    this.pool = pool;
  }

  /** Returns the pages set aside for hugetlb memory. */
  public HugePool pool() {
    return pool;
  }

  /**
   * Allocates a page of hugetlb memory with one reference.
   *
   * @param promised whether it was promised to who asks
   * @return its first frame, or {@link HostMemory#NO_FRAME}; a promise is kept then
   */
  public long allocateHugetlb(boolean promised, @Nullable MemoryPolicy policy) {
    if (!pool.take(promised)) {
      return HostMemory.NO_FRAME;
    }
    long pfn = allocate(HUGE_ORDER, policy);
    if (pfn == HostMemory.NO_FRAME) {
      pool.give(promised);
    } else {
      huge.set(pfn >>> HUGE_ORDER, OF_POOL);
    }
    return pfn;
  }

  /**
   * Allocates a folio of zeros with one reference.
   *
   * @param order 0 or 9
   * @return its first frame, or {@link HostMemory#NO_FRAME}
   */
  public long allocate(int order, @Nullable MemoryPolicy policy) {
    long pfn = memory.allocate(order, 0, policy);
    if (pfn == HostMemory.NO_FRAME) {
      return pfn;
    }
    memory.raw().zero(pfn, 1L << order);
    if (order == HUGE_ORDER) {
      huge.set(pfn >>> HUGE_ORDER, 1);
    }
    counts.set(pfn, 1);
    return pfn;
  }

  /** Returns the first frame of the folio that a frame belongs to. */
  public long head(long pfn) {
    return huge.get(pfn >>> HUGE_ORDER) != 0 ? pfn & -512L : pfn;
  }

  /** Tells whether a frame is part of a 2 MiB folio. */
  public boolean isHuge(long pfn) {
    return huge.get(pfn >>> HUGE_ORDER) != 0;
  }

  private long change(long pfn, long by) {
    long head = head(pfn);
    long now;
    long w;
    do {
      w = counts.get(head);
      if (w == 0) {
        throw new IllegalStateException("frame " + pfn + " is nobody's");
      }
      now = w + by;
    } while (!counts.compareAndSet(head, w, now));
    return now;
  }

  /** Takes {@code n} references more. */
  public void hold(long pfn, int n) {
    change(pfn, n);
  }

  /** Gives {@code n} references back; the folio is freed with its last holder. */
  public void drop(long pfn, int n) {
    long head = head(pfn);
    if (change(pfn, -n) == 0) {
      free(head);
    }
  }

  /** Returns how many references a folio has. */
  public int references(long pfn) {
    return (int) counts.get(head(pfn));
  }

  /** Tells whether a folio is pinned. */
  public boolean isPinned(long pfn) {
    long head = head(pfn);
    return memory.isPinned(head, head + (isHuge(pfn) ? 512 : 1));
  }

  /** Tells whether a frame is held by anybody. */
  public boolean isHeld(long pfn) {
    return counts.get(head(pfn)) != 0;
  }

  private void free(long head) {
    boolean large = isHuge(head);
    if (large) {
      if (huge.get(head >>> HUGE_ORDER) == OF_POOL) {
        pool.give(false);
      }
      huge.set(head >>> HUGE_ORDER, 0);
    }
    memory.free(head, large ? HUGE_ORDER : 0);
  }

  /**
   * Makes 512 folios of one of 2 MiB that nobody else holds (split_folio): those still in use have
   * one reference, the others are freed.
   *
   * @param used tells of each of the folio's frames whether somebody maps it
   */
  public void split(long pfn, LongPredicate used) {
    long head = head(pfn);
    huge.set(head >>> HUGE_ORDER, 0);
    counts.set(head, 0);
    for (long p = head; p < head + (1 << HUGE_ORDER); p++) {
      if (used.test(p)) {
        counts.set(p, 1);
      } else {
        memory.free(p, 0);
      }
    }
  }

  /**
   * Takes a reference of the huge page of zeros, which reads of untouched memory share
   * (mm_get_huge_zero_folio); allocated for the first who asks and freed with the last.
   *
   * @return its first frame, or {@link HostMemory#NO_FRAME}
   */
  public long holdHugeZero() {
    if (hugeZero == HostMemory.NO_FRAME) {
      hugeZero = allocate(HUGE_ORDER, null);
    } else {
      hold(hugeZero, 1);
    }
    return hugeZero;
  }

  /** Gives a reference of the huge page of zeros back. */
  public void dropHugeZero() {
    boolean last = references(hugeZero) == 1;
    drop(hugeZero, 1);
    if (last) {
      hugeZero = HostMemory.NO_FRAME;
    }
  }

  /** Tells whether a frame is part of the huge page of zeros. */
  public boolean isHugeZero(long pfn) {
    return hugeZero != HostMemory.NO_FRAME && (pfn & -512L) == hugeZero;
  }
}
