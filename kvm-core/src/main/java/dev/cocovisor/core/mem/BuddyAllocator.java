package dev.cocovisor.core.mem;

import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.sched.ModelLock;
import java.util.Arrays;

/**
 * A buddy allocator of frames, orders 0 to 18, with a small cache of single frames for each CPU.
 *
 * <p>Free blocks are stacks by order; a byte map says which frame heads a free block of which
 * order, so that a block whose buddy is free merges with it. Merging does not search a stack: it
 * clears the map, and a stack entry the map no longer confirms is skipped when popped. The byte map
 * is lazy: a terabyte that nobody uses costs nothing. Blocks of {@link #MARKS} frames and more have
 * a map of their own, a byte for so many frames.
 *
 * <p>Source of the idea: {@code mm/page_alloc.c}, __free_one_page and the per-CPU page sets.
 * Thread-safe: the zone lock, and one lock a CPU cache, always taken cache first.
 */
final class BuddyAllocator implements FrameAllocator {
  static final int MAX_ORDER = 18;
  private static final int CPU_CACHES = 8;
  private static final int CACHE = 128;

  /** Frames that one array of the byte map tells of: half the bits of the largest order. */
  private static final int MARKS_BITS = MAX_ORDER / 2;

  private static final int MARKS = 1 << MARKS_BITS;

  /** Frames that an empty cache is filled with: 64, a block of this order where one is there. */
  private static final int REFILL_ORDER = 6;

  private static final long[] NONE = {};

  private final ModelLock zone = new ModelLock("zone->lock");
  private final long frames;
  private final long[][] stacks = new long[MAX_ORDER + 1][];
  private final int[] depth = new int[MAX_ORDER + 1];
  private final byte[][][] freeOrder;
  private final byte[][] freeLargeOrder;
  private long used;

  /** Frames from here on were never handed out and are on no stack yet. */
  private long virgin;

  private static final class CpuCache {
    final ModelLock lock = new ModelLock("pcp->lock");
    long[] frames = NONE;
    int count;

    void add(long pfn) {
      if (frames == NONE) {
        frames = new long[CACHE];
      }
      frames[count++] = pfn;
    }
  }

  private final CpuCache[] caches = new CpuCache[CPU_CACHES];

  BuddyAllocator(long frames) {
    this.frames = frames;
    this.freeOrder = new byte[(int) ((frames + (1L << MAX_ORDER) - 1) >>> MAX_ORDER)][][];
    this.freeLargeOrder = new byte[freeOrder.length][];
    Arrays.fill(stacks, NONE);
    for (int i = 0; i < CPU_CACHES; i++) {
      caches[i] = new CpuCache();
    }
  }

  @Override
  public long allocate(int order, int cpu) {
    if (order != 0) {
      zone.lock();
      try {
        return takeBlock(order);
      } finally {
        zone.unlock();
      }
    }
    CpuCache cache = caches[cpu & (CPU_CACHES - 1)];
    cache.lock.lock();
    try {
      if (cache.count == 0 && !refill(cache)) {
        return drainOthers(cache);
      }
      return cache.frames[--cache.count];
    } finally {
      cache.lock.unlock();
    }
  }

  @Override
  public void free(long pfn, int order, int cpu) {
    if (pfn < 0 || pfn + (1L << order) > frames || (pfn & ((1L << order) - 1)) != 0) {
      throw new IllegalArgumentException("no block of order " + order + " at frame " + pfn);
    }
    if (order != 0) {
      zone.lock();
      try {
        giveBlock(pfn, order);
      } finally {
        zone.unlock();
      }
      return;
    }
    CpuCache cache = caches[cpu & (CPU_CACHES - 1)];
    cache.lock.lock();
    try {
      if (cache.count == CACHE) {
        zone.lock();
        try {
          while (cache.count > CACHE / 2) {
            giveBlock(cache.frames[--cache.count], 0);
          }
        } finally {
          zone.unlock();
        }
      }
      cache.add(pfn);
    } finally {
      cache.lock.unlock();
    }
  }

  /** Frames handed out and not in a CPU cache. */
  @Override
  public long allocated() {
    long cached = 0;
    for (CpuCache c : caches) {
      cached += c.count;
    }
    return used - cached;
  }

  @Override
  public boolean isFree(long pfn) {
    if (pfn >= virgin) {
      return true;
    }
    for (CpuCache c : caches) {
      for (int i = 0; i < c.count; i++) {
        if (c.frames[i] == pfn) {
          return true;
        }
      }
    }
    for (int order = 0; order <= MAX_ORDER; order++) {
      if (isMarked(pfn & -(1L << order), order)) {
        return true;
      }
    }
    return false;
  }

  private boolean refill(CpuCache cache) {
    zone.lock();
    try {
      long block = mayBeSmaller(REFILL_ORDER) ? HostMemory.NO_FRAME : takeBlock(REFILL_ORDER);
      if (block != HostMemory.NO_FRAME) {
        for (long pfn = block; pfn < block + (1L << REFILL_ORDER); pfn++) {
          cache.add(pfn);
        }
      }
      while (cache.count < 1 << REFILL_ORDER) {
        long pfn = takeBlock(0);
        if (pfn == HostMemory.NO_FRAME) {
          break;
        }
        cache.add(pfn);
      }
    } finally {
      zone.unlock();
    }
    // Pop hands out the last one first; keep ascending order for whoever looks at frames.
    for (int i = 0, j = cache.count - 1; i < j; i++, j--) {
      long t = cache.frames[i];
      cache.frames[i] = cache.frames[j];
      cache.frames[j] = t;
    }
    return cache.count > 0;
  }

  /** Tells whether there may be free frames in blocks of an order below this one. */
  private boolean mayBeSmaller(int order) {
    if (virgin != frames && frames - virgin < 1L << order) {
      return true;
    }
    for (int o = 0; o < order; o++) {
      if (depth[o] > 0) {
        return true;
      }
    }
    return false;
  }

  /** Out of memory in the zone: another CPU's cache may still hold a frame. */
  private long drainOthers(CpuCache mine) {
    for (CpuCache other : caches) {
      if (other != mine && other.lock.tryLock()) {
        try {
          if (other.count > 0) {
            return other.frames[--other.count];
          }
        } finally {
          other.lock.unlock();
        }
      }
    }
    return HostMemory.NO_FRAME;
  }

  private long takeBlock(int order) {
    for (int o = order; o <= MAX_ORDER; o++) {
      long pfn = pop(o);
      if (pfn != HostMemory.NO_FRAME) {
        while (o > order) {
          o--;
          push(o, pfn + (1L << o));
        }
        used += 1L << order;
        return pfn;
      }
    }
    while (virgin < frames) {
      int o = Long.numberOfTrailingZeros(virgin | 1L << MAX_ORDER);
      while (virgin + (1L << o) > frames) {
        o--;
      }
      long pfn = virgin;
      virgin += 1L << o;
      if (o >= order) {
        while (o > order) {
          o--;
          push(o, pfn + (1L << o));
        }
        used += 1L << order;
        return pfn;
      }
      push(o, pfn);
    }
    return HostMemory.NO_FRAME;
  }

  private void giveBlock(long pfn, int order) {
    used -= 1L << order;
    long head = pfn;
    int o = order;
    while (o < MAX_ORDER) {
      long buddy = head ^ (1L << o);
      if (buddy + (1L << o) > frames || !isMarked(buddy, o)) {
        break;
      }
      mark(buddy, o, 0);
      head = Math.min(head, buddy);
      o++;
    }
    push(o, head);
  }

  private void push(int order, long pfn) {
    mark(pfn, order, order + 1);
    long[] stack = stacks[order];
    if (depth[order] == stack.length) {
      stack = Arrays.copyOf(stack, Math.max(4, depth[order] * 2));
      stacks[order] = stack;
    }
    stack[depth[order]++] = pfn;
  }

  private long pop(int order) {
    while (depth[order] > 0) {
      long pfn = stacks[order][--depth[order]];
      if (isMarked(pfn, order)) {
        mark(pfn, order, 0);
        return pfn;
      }
    }
    return HostMemory.NO_FRAME;
  }

  /** Tells whether a frame heads a free block of an order. */
  private boolean isMarked(long pfn, int order) {
    int top = (int) (pfn >>> MAX_ORDER);
    int block = (int) (pfn >>> MARKS_BITS) & (MARKS - 1);
    if (order >= MARKS_BITS) {
      byte[] large = freeLargeOrder[top];
      return large != null && large[block] == order + 1;
    }
    byte[][] mid = freeOrder[top];
    byte[] low = mid == null ? null : mid[block];
    return low != null && low[(int) pfn & (MARKS - 1)] == order + 1;
  }

  private void mark(long pfn, int order, int value) {
    int top = (int) (pfn >>> MAX_ORDER);
    int block = (int) (pfn >>> MARKS_BITS) & (MARKS - 1);
    if (order >= MARKS_BITS) {
      byte[] large = freeLargeOrder[top];
      if (large == null) {
        large = new byte[MARKS];
        freeLargeOrder[top] = large;
      }
      large[block] = (byte) value;
      return;
    }
    byte[][] mid = freeOrder[top];
    if (mid == null) {
      mid = new byte[MARKS][];
      freeOrder[top] = mid;
    }
    byte[] low = mid[block];
    if (low == null) {
      low = new byte[MARKS];
      mid[block] = low;
    }
    low[(int) pfn & (MARKS - 1)] = (byte) value;
  }
}
