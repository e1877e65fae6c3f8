package dev.cocovisor.core.attr;

import dev.cocovisor.api.PageLevel;
import java.util.Arrays;

/**
 * Attributes of every gfn, as runs of gfns that agree: a boundary is where a run begins, and its
 * value. Neighbours that agree are one run, so an address space that is all of one kind has a
 * single boundary, and uniformity is one look-up.
 *
 * <p>Boundaries lie sorted in chunks of at most {@value #MOST}; a change makes the chunks it
 * touches anew and the list of chunks with them. A boundary takes 9 bytes and its share of a chunk
 * that is at least half full where the neighbours are: about 20. A look-up is a binary search of
 * chunks and of one chunk.
 *
 * <p>The kernel keeps an xarray of values and a "mixed" bit a huge page in each slot ({@code
 * arch/x86/kvm/mmu/mmu.c}, kvm_arch_post_set_memory_attributes); the bit is what {@link #isUniform}
 * computes.
 *
 * <p>One writer at a time (slots_lock). Readers take no lock: each look-up sees all of a change or
 * nothing of it.
 */
public final class AttributeRuns implements AttributeStore {
  private static final int MOST = 256;

  /** Some boundaries, at least one; never changed once it is in a list. */
  private record Chunk(long[] from, byte[] value) {}

  /** All chunks and where each begins; the first begins at 0. */
  private record Runs(long[] first, Chunk[] chunks) {
    Chunk of(long gfn) {
      return chunks[floor(first, gfn)];
    }
  }

  private volatile Runs runs = single();

  /** Creates a store in which every attribute is 0. */
  public AttributeRuns() {}

  private static Runs single() {
    long[] zero = {0};
    return new Runs(zero, new Chunk[] {new Chunk(zero, new byte[1])});
  }

  /** Returns the index of the last element at or below {@code gfn}. */
  private static int floor(long[] sorted, long gfn) {
    int low = 0;
    int high = sorted.length - 1;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (sorted[middle] <= gfn) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  @Override
  public int get(long gfn) {
    Chunk c = runs.of(gfn);
    return c.value[floor(c.from, gfn)] & 0xff;
  }

  @Override
  public boolean isUniform(long gfn, PageLevel level) {
    long start = level.alignDown(gfn);
    return endOfRun(runs, start) >= start + level.pages();
  }

  /** Returns where the run that holds {@code gfn} ends. */
  private static long endOfRun(Runs r, long gfn) {
    int chunk = floor(r.first, gfn);
    Chunk c = r.chunks[chunk];
    int next = floor(c.from, gfn) + 1;
    if (next < c.from.length) {
      return c.from[next];
    }
    return chunk + 1 < r.first.length ? r.first[chunk + 1] : Long.MAX_VALUE;
  }

  @Override
  public boolean rangeIs(long start, long end, int mask, int want) {
    Runs r = runs;
    for (int chunk = floor(r.first, start); chunk < r.first.length; chunk++) {
      Chunk c = r.chunks[chunk];
      for (int i = floor(c.from, start); i < c.from.length; i++) {
        if (c.from[i] >= end) {
          return true;
        }
        if ((c.value[i] & mask) != want) {
          return false;
        }
      }
    }
    return true;
  }

  @Override
  public long countSet(long start, long end) {
    Runs r = runs;
    long sum = 0;
    for (int chunk = floor(r.first, start); chunk < r.first.length; chunk++) {
      Chunk c = r.chunks[chunk];
      for (int i = floor(c.from, start); i < c.from.length; i++) {
        if (c.from[i] >= end) {
          return sum;
        }
        if (c.value[i] != 0) {
          sum += Math.min(end, endOfRun(r, c.from[i])) - Math.max(start, c.from[i]);
        }
      }
    }
    return sum;
  }

  @Override
  public void set(long start, long end, int value) {
    if (start >= end || value < 0 || value > 255) {
      throw new IllegalArgumentException("range or value");
    }
    Runs r = runs;
    int head = floor(r.first, start);
    int tail = floor(r.first, end);
    var made = new Boundaries(r.chunks[head].from.length + r.chunks[tail].from.length + 2);
    if (head > 0) {
      Chunk before = r.chunks[head - 1];
      made.follows(before.value[before.value.length - 1]);
    }
    made.addBelow(r.chunks[head], start);
    made.add(start, (byte) value);
    Chunk last = r.chunks[tail];
    made.add(end, last.value[floor(last.from, end)]);
    made.addAbove(last, end);
    int behind = tail + 1;
    if (made.count < MOST / 4 && behind < r.chunks.length) {
      made.addAbove(r.chunks[behind++], Long.MIN_VALUE);
    }
    runs = replaced(r, head, behind, made);
  }

  /** Puts boundaries in place of the chunks from {@code head} up to but without {@code behind}. */
  private static Runs replaced(Runs r, int head, int behind, Boundaries made) {
    int parts = (made.count + MOST - 1) / MOST;
    int count = r.chunks.length - (behind - head) + parts;
    long[] first = new long[count];
    Chunk[] chunks = new Chunk[count];
    System.arraycopy(r.first, 0, first, 0, head);
    System.arraycopy(r.chunks, 0, chunks, 0, head);
    for (int p = 0; p < parts; p++) {
      int from = (int) ((long) made.count * p / parts);
      int to = (int) ((long) made.count * (p + 1) / parts);
      chunks[head + p] =
          new Chunk(
              Arrays.copyOfRange(made.from, from, to), Arrays.copyOfRange(made.value, from, to));
      first[head + p] = made.from[from];
    }
    System.arraycopy(r.first, behind, first, head + parts, r.first.length - behind);
    System.arraycopy(r.chunks, behind, chunks, head + parts, r.chunks.length - behind);
    return new Runs(first, chunks);
  }

  /** Boundaries in the making: one that changes nothing is left out. */
  private static final class Boundaries {
    private long[] from;
    private byte[] value;
    private int count;
    private int before = -1;

    /** Makes room for so many; more can be added. */
    Boundaries(int room) {
      from = new long[room];
      value = new byte[room];
    }

    /** Says what the run before the first boundary has. */
    void follows(byte last) {
      before = last & 0xff;
    }

    void add(long at, byte v) {
      if (before == (v & 0xff)) {
        return;
      }
      if (count == from.length) {
        from = Arrays.copyOf(from, 2 * count);
        value = Arrays.copyOf(value, 2 * count);
      }
      from[count] = at;
      value[count++] = v;
      before = v & 0xff;
    }

    void addBelow(Chunk c, long limit) {
      for (int i = 0; i < c.from.length && c.from[i] < limit; i++) {
        add(c.from[i], c.value[i]);
      }
    }

    void addAbove(Chunk c, long limit) {
      for (int i = 0; i < c.from.length; i++) {
        if (c.from[i] > limit) {
          add(c.from[i], c.value[i]);
        }
      }
    }
  }

  /** Returns how many boundaries there are, the one at 0 included. */
  public long boundaries() {
    long sum = 0;
    for (Chunk c : runs.chunks) {
      sum += c.from.length;
    }
    return sum;
  }
}
