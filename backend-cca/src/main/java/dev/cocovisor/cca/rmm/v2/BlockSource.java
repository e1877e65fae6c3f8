package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.cca.rmm.op.Block;
import dev.cocovisor.cca.rmm.op.HostList;
import dev.cocovisor.cca.rmm.realm.Context;

/**
 * The blocks that a map command was given, one after the other: of one descriptor in a register, or
 * of a list in the host's memory. Empty descriptors are skipped.
 */
final class BlockSource {
  private final Context context;
  private final HostList list;
  private final boolean single;
  private int read;
  private long descriptor;
  private int used;

  private BlockSource(Context context, HostList list, boolean single, long descriptor) {
    this.context = context;
    this.list = list;
    this.single = single;
    this.descriptor = descriptor;
    this.read = 1;
  }

  static BlockSource single(Context context, long descriptor) {
    return new BlockSource(context, new HostList(0, 1), true, descriptor);
  }

  /** A list of at least one descriptor in a page that may be read. */
  static BlockSource list(Context context, HostList list) {
    return new BlockSource(context, list, false, list.get(context, 0));
  }

  /** Returns the descriptor that the next block comes from; the first one even if it is empty. */
  long descriptor() {
    return descriptor;
  }

  /** Goes to the next block; false if there is none. */
  boolean next() {
    while (used == Block.count(descriptor)) {
      if (single || read == list.count()) {
        return false;
      }
      descriptor = list.get(context, read++);
      used = 0;
    }
    used++;
    return true;
  }

  /** Returns the address of the block that {@link #next} went to. */
  long address() {
    return Block.address(descriptor) + (used - 1) * Block.size(descriptor);
  }
}
