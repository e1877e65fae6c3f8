package dev.cocovisor.core.attr;

import dev.cocovisor.api.PageLevel;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Attributes of every gfn, as a 512-ary radix tree.
 *
 * <p>A node covers {@code 512^(h+1)} gfns; each of its entries is one value for the whole entry or
 * a child. A child that becomes uniform is folded into its parent's entry, so a uniform 2 MiB or 1
 * GiB range is always one entry at or above that level: uniformity is one look-up. Setting a range
 * visits the two edges of it, once a level; entries between are filled with one array fill.
 *
 * <p>The kernel keeps an xarray of values and a "mixed" bit a huge page in each slot ({@code
 * arch/x86/kvm/mmu/mmu.c}, kvm_arch_post_set_memory_attributes); the bit is what {@link #isUniform}
 * computes.
 *
 * <p>One writer at a time (slots_lock). Readers take no lock: they may see a range half changed,
 * which the invalidation sequence makes them notice.
 */
public final class AttributeTree implements AttributeStore {
  private static final int MAX_HEIGHT = 5;

  private static final class Node {
    final byte[] value = new byte[512];
    Node @Nullable [] child;
  }

  private volatile Node root = new Node();
  private volatile int height = 3;

  /** Creates a tree in which every attribute is 0. */
  public AttributeTree() {}

  @Override
  public int get(long gfn) {
    int h = height;
    Node n = root;
    if (outside(gfn, h)) {
      return 0;
    }
    while (true) {
      int i = (int) (gfn >>> (9 * h)) & 511;
      Node[] c = n.child;
      Node next = c == null ? null : c[i];
      if (next == null) {
        return n.value[i] & 0xff;
      }
      n = next;
      h--;
    }
  }

  @Override
  public boolean isUniform(long gfn, PageLevel level) {
    int h = height;
    Node n = root;
    int stop = level.number() - 1;
    if (outside(gfn, h)) {
      return true;
    }
    while (h >= stop) {
      Node[] c = n.child;
      Node next = c == null ? null : c[(int) (gfn >>> (9 * h)) & 511];
      if (next == null) {
        return true;
      }
      n = next;
      h--;
    }
    return false;
  }

  @Override
  public boolean rangeIs(long start, long end, int mask, int want) {
    int h = height;
    long covered = h >= MAX_HEIGHT ? Long.MAX_VALUE : 512L << (9 * h);
    if (end > covered && want != 0) {
      return false;
    }
    return start >= covered || rangeIs(root, h, 0, start, Math.min(end, covered), mask, want);
  }

  @Override
  public long countSet(long start, long end) {
    int h = height;
    long covered = h >= MAX_HEIGHT ? Long.MAX_VALUE : 512L << (9 * h);
    return start >= covered ? 0 : countSet(root, h, 0, start, Math.min(end, covered));
  }

  private static long countSet(Node n, int h, long base, long start, long end) {
    long span = 1L << (9 * h);
    int first = (int) ((start - base) >>> (9 * h));
    int last = (int) ((end - 1 - base) >>> (9 * h));
    Node[] c = n.child;
    long sum = 0;
    for (int i = first; i <= last; i++) {
      Node next = c == null ? null : c[i];
      long from = Math.max(start, base + i * span);
      long to = Math.min(end, base + (i + 1) * span);
      if (next != null) {
        sum += countSet(next, h - 1, base + i * span, from, to);
      } else if (n.value[i] != 0) {
        sum += to - from;
      }
    }
    return sum;
  }

  private static boolean rangeIs(
      Node n, int h, long base, long start, long end, int mask, int want) {
    long span = 1L << (9 * h);
    int first = (int) ((start - base) >>> (9 * h));
    int last = (int) ((end - 1 - base) >>> (9 * h));
    Node[] c = n.child;
    for (int i = first; i <= last; i++) {
      Node next = c == null ? null : c[i];
      if (next == null) {
        if ((n.value[i] & mask) != want) {
          return false;
        }
      } else {
        long at = base + i * span;
        if (!rangeIs(next, h - 1, at, Math.max(start, at), Math.min(end, at + span), mask, want)) {
          return false;
        }
      }
    }
    return true;
  }

  @Override
  public void set(long start, long end, int value) {
    if (start >= end || value < 0 || value > 255) {
      throw new IllegalArgumentException("range or value");
    }
    while (height < MAX_HEIGHT && end > 512L << (9 * height)) {
      Node top = new Node();
      int all = uniformValue(root);
      if (all >= 0) {
        top.value[0] = (byte) all;
      } else {
        top.child = new Node[512];
        top.child[0] = root;
      }
      // Height first: a reader between the two writes then walks one level too few and at worst
      // sees an old value, which its sequence check discards.
      root = top;
      int taller = height + 1;
      height = taller;
    }
    set(root, height, 0, start, end, (byte) value);
  }

  private void set(Node n, int h, long base, long start, long end, byte value) {
    long span = 1L << (9 * h);
    int first = (int) ((start - base) >>> (9 * h));
    int last = (int) ((end - 1 - base) >>> (9 * h));
    boolean headCut = base + first * span < start;
    boolean tailCut = base + (last + 1) * span > end;
    if (headCut || (tailCut && first == last)) {
      setPart(n, h, base, first, start, Math.min(end, base + (first + 1) * span), value);
      first++;
    }
    if (tailCut && first <= last) {
      setPart(n, h, base, last, Math.max(start, base + last * span), end, value);
      last--;
    }
    if (first <= last) {
      Arrays.fill(n.value, first, last + 1, value);
      Node[] c = n.child;
      if (c != null) {
        Arrays.fill(c, first, last + 1, null);
      }
    }
  }

  @SuppressWarnings("NullAway") // children are null where an entry is uniform
  private void setPart(Node n, int h, long base, int i, long start, long end, byte value) {
    Node[] c = n.child;
    Node next = c == null ? null : c[i];
    if (next == null) {
      if (n.value[i] == value) {
        return;
      }
      next = new Node();
      Arrays.fill(next.value, n.value[i]);
      set(next, h - 1, base + ((long) i << (9 * h)), start, end, value);
      if (c == null) {
        c = new Node[512];
        c[i] = next;
        n.child = c;
      } else {
        c[i] = next;
      }
    } else {
      set(next, h - 1, base + ((long) i << (9 * h)), start, end, value);
      int all = uniformValue(next);
      if (all >= 0) {
        n.value[i] = (byte) all;
        c[i] = null;
      }
    }
  }

  /** The one value of all gfns under a node, or -1. */
  private static int uniformValue(Node n) {
    byte v = n.value[0];
    Node[] c = n.child;
    if (c != null) {
      for (Node x : c) {
        if (x != null) {
          return -1;
        }
      }
    }
    for (byte b : n.value) {
      if (b != v) {
        return -1;
      }
    }
    return v & 0xff;
  }

  private static boolean outside(long gfn, int h) {
    return h < MAX_HEIGHT && gfn >>> (9 * (h + 1)) != 0;
  }

  /** Counts the tree's nodes, for those who measure memory. */
  public long nodes() {
    return nodes(root);
  }

  private static long nodes(Node n) {
    long sum = 1;
    Node[] c = n.child;
    if (c != null) {
      for (Node x : c) {
        sum += x == null ? 0 : nodes(x);
      }
    }
    return sum;
  }
}
