package dev.cocovisor.cca.rmm.op;

import dev.cocovisor.api.mem.PhysicalMemory;
import java.util.Arrays;

/**
 * Blocks that are on their way out of a realm, in as few descriptors as can be: a block joins the
 * first descriptor of its size and state that it touches, below or above.
 *
 * <p>Grows by doubling up to its limit; not thread-safe.
 */
// TF-RMM lib/addr_list/src/addr_list.c, addr_list_add_block.
public final class BlockList {
  private final int limit;
  private long[] words = new long[4];
  private int used;

  /** Creates a list of at most {@code limit} descriptors. */
  public BlockList(int limit) {
    this.limit = limit;
  }

  /** Adds a block; false, with nothing changed, if there is no room. */
  public boolean add(long address, int level, long state) {
    for (int i = 0; i < used; i++) {
      long d = words[i];
      int n = Block.count(d);
      if (Block.level(d) != level || Block.state(d) != state || n == Block.MAX_COUNT) {
        continue;
      }
      if (Block.address(d) + n * Block.size(d) == address) {
        words[i] = Block.of(Block.address(d), level, n + 1, state);
        return true;
      }
      if (address + Block.size(d) == Block.address(d)) {
        words[i] = Block.of(address, level, n + 1, state);
        return true;
      }
    }
    if (used == limit) {
      return false;
    }
    if (used == words.length) {
      words = Arrays.copyOf(words, Math.min(limit, 2 * used));
    }
    words[used++] = Block.of(address, level, 1, state);
    return true;
  }

  /** Returns the number of descriptors. */
  public int size() {
    return used;
  }

  /** Returns a descriptor. */
  public long get(int i) {
    return words[i];
  }

  /** Writes the first descriptors to a page and drops them. */
  public void writeOut(PhysicalMemory memory, long at, int count) {
    for (int i = 0; i < count; i++) {
      memory.writeLong(at + (long) i * Long.BYTES, words[i]);
    }
    System.arraycopy(words, count, words, 0, used - count);
    used -= count;
  }
}
