package dev.cocovisor.cca.rmm.op;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.cca.rmm.rtt.Geometry;

/**
 * An address range descriptor of RMI 2.0 in 64 bits: block size in bits 1:0 (4 KiB, 2 MiB, 1 GiB,
 * 512 GiB), number of blocks in 11:2 (0: an empty descriptor), address in 51:12, state in 63 (0
 * delegated, 1 not).
 */
// TF-RMM lib/addr_list/include/addr_list.h.
public final class Block {
  /** The most blocks that one descriptor holds. */
  public static final int MAX_COUNT = 1023;

  /** Set where the memory is not delegated. */
  public static final long UNDELEGATED = 1L << 63;

  private static final long ADDRESS = ((1L << 52) - 1) & -PageLevel.PAGE_SIZE;
  private static final int COUNT_SHIFT = 2;

  private Block() {}

  /** Makes a descriptor of blocks as large as an entry of {@code level}. */
  public static long of(long address, int level, long count, long state) {
    return address | count << COUNT_SHIFT | Geometry.PAGE_LEVEL - level | state;
  }

  /** Returns the level whose entries have the block's size: 3 down to 0. */
  public static int level(long d) {
    return Geometry.PAGE_LEVEL - (int) (d & 3);
  }

  /** Returns the number of blocks, 0 to {@link #MAX_COUNT}. */
  public static int count(long d) {
    return (int) (d >>> COUNT_SHIFT) & MAX_COUNT;
  }

  /** Returns the first block's address. */
  public static long address(long d) {
    return d & ADDRESS;
  }

  /** Returns the state bit: 0 or {@link #UNDELEGATED}. */
  public static long state(long d) {
    return d & UNDELEGATED;
  }

  /** Returns one block's bytes. */
  public static long size(long d) {
    return Geometry.entrySize(level(d));
  }

  /** Returns the 4 KiB granules of all blocks. */
  public static long granules(long d) {
    return count(d) * (size(d) >>> PageLevel.PAGE_SHIFT);
  }
}
