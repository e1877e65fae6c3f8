package dev.cocovisor.pkvm.hyp;

import org.jspecify.annotations.Nullable;

/**
 * EL2's record of every physical page ({@code hyp_vmemmap}): the host's and EL2's state, a
 * reference count and the number of guest mappings.
 *
 * <p>EL2's state is stored complemented, so that a page never mentioned reads as "host owns it, EL2
 * has no access" and costs nothing: records come in chunks of 512 that appear with their first
 * write. States are written under the owning component's lock (host: {@code host_mmu.lock}, EL2:
 * {@code pkvm_pgd_lock}); not thread-safe beyond that. Source: {@code nvhe/memory.h}, struct
 * hyp_page.
 */
final class HypPages {
  private static final int SHIFT = 9;
  private static final int SIZE = 1 << SHIFT;
  private static final int MAX_REFCOUNT = 0xffff;

  private final @Nullable Directory[] directory;

  /** Creates the record of {@code frames} pages from pfn 0. */
  HypPages(long frames) {
    long perDirectory = 1L << (2 * SHIFT);
    directory =
        new @Nullable Directory[Math.toIntExact((frames + perDirectory - 1) / perDirectory)];
  }

  private static final class Directory {
    final @Nullable Chunk[] chunks = new @Nullable Chunk[SIZE];
  }

  private static final class Chunk {
    final byte[] states = new byte[SIZE];
    final short[] refcounts = new short[SIZE];
    final int[] guestShares = new int[SIZE];
  }

  /** Returns how many pages fit. */
  long frames() {
    return (long) directory.length << (2 * SHIFT);
  }

  private Chunk chunk(long pfn) {
    int d = (int) (pfn >>> (2 * SHIFT));
    Directory dir = directory[d];
    if (dir == null) {
      dir = new Directory();
      directory[d] = dir;
    }
    int i = slot(pfn >>> SHIFT);
    Chunk c = dir.chunks[i];
    if (c == null) {
      c = new Chunk();
      dir.chunks[i] = c;
    }
    return c;
  }

  private @Nullable Chunk existing(long pfn) {
    Directory dir = directory[(int) (pfn >>> (2 * SHIFT))];
    return dir == null ? null : dir.chunks[slot(pfn >>> SHIFT)];
  }

  private static int slot(long pfn) {
    return (int) pfn & (SIZE - 1);
  }

  private int states(long pfn) {
    Chunk c = existing(pfn);
    return c == null ? 0 : c.states[slot(pfn)];
  }

  PageState host(long pfn) {
    return PageState.of(states(pfn) & 0xf);
  }

  void setHost(long pfn, PageState state) {
    byte[] s = chunk(pfn).states;
    s[slot(pfn)] = (byte) ((s[slot(pfn)] & 0xf0) | state.bits());
  }

  PageState hyp(long pfn) {
    return PageState.of(~(states(pfn) >>> 4) & 3);
  }

  void setHyp(long pfn, PageState state) {
    byte[] s = chunk(pfn).states;
    s[slot(pfn)] = (byte) ((s[slot(pfn)] & 0x0f) | ((~state.bits() & 3) << 4));
  }

  int refcount(long pfn) {
    Chunk c = existing(pfn);
    return c == null ? 0 : c.refcounts[slot(pfn)] & MAX_REFCOUNT;
  }

  /** Takes a reference and returns the new count. */
  int get(long pfn) {
    int n = refcount(pfn) + 1;
    if (n > MAX_REFCOUNT) {
      throw new HypPanic("refcount of pfn 0x" + Long.toHexString(pfn) + " overflows");
    }
    chunk(pfn).refcounts[slot(pfn)] = (short) n;
    return n;
  }

  /** Drops a reference and returns the new count. */
  int put(long pfn) {
    int n = refcount(pfn) - 1;
    if (n < 0) {
      throw new HypPanic("refcount of pfn 0x" + Long.toHexString(pfn) + " drops below zero");
    }
    chunk(pfn).refcounts[slot(pfn)] = (short) n;
    return n;
  }

  int guestShares(long pfn) {
    Chunk c = existing(pfn);
    return c == null ? 0 : c.guestShares[slot(pfn)];
  }

  void setGuestShares(long pfn, int count) {
    chunk(pfn).guestShares[slot(pfn)] = count;
  }

  /** Calls {@code visitor} for every page that is not in the initial state. */
  void forEachTouched(PageVisitor visitor) {
    for (int d = 0; d < directory.length; d++) {
      Directory dir = directory[d];
      for (int i = 0; dir != null && i < SIZE; i++) {
        Chunk c = dir.chunks[i];
        if (c != null) {
          forEachTouched(c, ((long) d << (2 * SHIFT)) + ((long) i << SHIFT), visitor);
        }
      }
    }
  }

  private static void forEachTouched(Chunk c, long base, PageVisitor visitor) {
    for (int j = 0; j < SIZE; j++) {
      if (c.states[j] != 0 || c.refcounts[j] != 0 || c.guestShares[j] != 0) {
        visitor.visit(base + j);
      }
    }
  }

  /** Sees a page number. */
  @FunctionalInterface
  interface PageVisitor {
    void visit(long pfn);
  }
}
