package dev.cocovisor.core.mem;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A map from a page index to a non-zero {@code long}, as a 512-ary radix tree of primitive leaves.
 *
 * <p>Eight bytes a present entry where entries are dense. Look-up costs one array read a level and
 * never allocates; storing allocates only the nodes of a region first touched. Thread-safe without
 * locks: entries are compared and swapped, nodes are only ever added while others look.
 */
public final class LongRadix {
  private static final VarHandle ENTRY = MethodHandles.arrayElementVarHandle(long[].class);
  private static final VarHandle NODE = MethodHandles.arrayElementVarHandle(Object[].class);
  private static final VarHandle ROOT;

  static {
    try {
      ROOT = MethodHandles.lookup().findVarHandle(LongRadix.class, "root", Root.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /**
   * Height and top node change together. Height 0: the node is a leaf of 512 entries; null where
   * nothing was ever stored.
   */
  private record Root(int height, @Nullable Object node) {}

  private static final Root EMPTY = new Root(0, null);

  private volatile Root root = EMPTY;

  /** Creates an empty map. */
  public LongRadix() {}

  /** Returns the value at {@code index}, 0 if there is none. */
  public long get(long index) {
    long[] leaf = leaf(index);
    return leaf == null ? 0 : (long) ENTRY.getAcquire(leaf, (int) index & 511);
  }

  /** Stores a value; 0 removes. */
  public void set(long index, long value) {
    if (value == 0) {
      long[] leaf = leaf(index);
      if (leaf != null) {
        ENTRY.setRelease(leaf, (int) index & 511, 0L);
      }
    } else {
      ENTRY.setRelease(leafForWrite(index), (int) index & 511, value);
    }
  }

  /** Replaces {@code expected} (0: absent) by {@code value} if it is still there. */
  public boolean compareAndSet(long index, long expected, long value) {
    return ENTRY.compareAndSet(leafForWrite(index), (int) index & 511, expected, value);
  }

  /** Sets bits of a value that is there; tells whether there was one. */
  public boolean setBits(long index, long bits) {
    long[] leaf = leaf(index);
    int i = (int) index & 511;
    while (leaf != null) {
      long was = (long) ENTRY.getAcquire(leaf, i);
      if (was == 0) {
        return false;
      }
      if (ENTRY.compareAndSet(leaf, i, was, was | bits)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Returns the first index from {@code from} on, and below {@code end}, that has a value; -1 if
   * there is none. Costs the nodes looked at, not the indices between.
   */
  public long next(long from, long end) {
    Root r = root;
    long limit = r.height >= 6 ? end : Math.min(end, 512L << (9 * r.height));
    long i = from;
    while (r.node != null && i >= 0 && i < limit) {
      Object node = r.node;
      int h = r.height;
      while (h > 0) {
        Object[] inner = (Object[]) node;
        int at = (int) (i >>> (9 * h)) & 511;
        int there = at;
        while (there < 512 && inner[there] == null) {
          there++;
        }
        if (there != at) {
          i = ((i >>> (9 * h)) + (there - at)) << (9 * h);
        }
        if (there == 512) {
          break;
        }
        node = inner[there];
        h--;
      }
      if (h > 0) {
        continue;
      }
      if (i < 0 || i >= limit) {
        return -1;
      }
      long[] leaf = (long[]) node;
      long base = i & ~511L;
      for (int k = (int) (i & 511); k < 512 && base + k < limit; k++) {
        if (leaf[k] != 0) {
          return base + k;
        }
      }
      i = base + 512;
    }
    return -1;
  }

  private long @Nullable [] leaf(long index) {
    Root r = root;
    int h = r.height;
    if (h < 6 && index >>> (9 * (h + 1)) != 0) {
      return null;
    }
    Object node = r.node;
    while (h > 0 && node != null) {
      node = NODE.getAcquire((Object[]) node, (int) (index >>> (9 * h)) & 511);
      h--;
    }
    return (long[]) node;
  }

  private long[] leafForWrite(long index) {
    long[] leaf = leaf(index);
    return leaf != null ? leaf : grow(index);
  }

  private long[] grow(long index) {
    Root r = root;
    if (r.node == null) {
      int height = 0;
      while (height < 6 && index >>> (9 * (height + 1)) != 0) {
        height++;
      }
      Object top = height == 0 ? new long[512] : new Object[512];
      ROOT.compareAndSet(this, r, new Root(height, top));
      r = root;
    }
    while (r.height < 6 && index >>> (9 * (r.height + 1)) != 0) {
      Object[] top = new Object[512];
      top[0] = r.node;
      ROOT.compareAndSet(this, r, new Root(r.height + 1, top));
      r = root;
    }
    Object node = Objects.requireNonNull(r.node);
    for (int h = r.height; h > 0; h--) {
      Object[] inner = (Object[]) node;
      int at = (int) (index >>> (9 * h)) & 511;
      Object next = NODE.getAcquire(inner, at);
      if (next == null) {
        Object fresh = h == 1 ? new long[512] : new Object[512];
        Object seen = NODE.compareAndExchange(inner, at, null, fresh);
        next = seen == null ? fresh : seen;
      }
      node = next;
    }
    return (long[]) node;
  }
}
