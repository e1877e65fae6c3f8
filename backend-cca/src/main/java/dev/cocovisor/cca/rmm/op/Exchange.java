package dev.cocovisor.cca.rmm.op;

import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.rtt.Geometry;

/**
 * Memory that an operation asks the host for, and gives back: granules in the role of the object
 * they become part of, in the order they came.
 */
// TF-RMM runtime/rmi/sro.c: smc_op_mem_donate, smc_op_mem_reclaim.
public final class Exchange {
  private static final int COUNT_SHIFT = 2;

  private final Context context;
  private final GranuleTable granules;
  private final byte role;
  private final int[] held;
  private int first;
  private int used;

  /** Blocks that left their role but were not named to the host yet. */
  private final BlockList unnamed = new BlockList(Block.MAX_COUNT);

  /**
   * Creates an exchange that holds nothing.
   *
   * @param wanted granules that are asked for
   * @param role what they are while the operation or its object has them
   */
  public Exchange(Context context, int wanted, byte role) {
    this.context = context;
    this.granules = context.granules();
    this.role = role;
    this.held = new int[wanted];
  }

  /** Creates an exchange that has granules to give back. */
  public Exchange(Context context, int[] held, byte role) {
    this.context = context;
    this.granules = context.granules();
    this.role = role;
    this.held = held.clone();
    this.used = held.length;
  }

  /** Returns how many granules are still wanted. */
  public int missing() {
    return held.length - used;
  }

  /**
   * Returns the request as OP_MEM_DONATE and the command's x2 show it: single delegated granules.
   */
  public long request() {
    return (long) missing() << COUNT_SHIFT;
  }

  /** Returns the granules, all of which have come. */
  public int[] granules() {
    return held.clone();
  }

  /** Takes the granule at an address; false if it is not DELEGATED. */
  public boolean take(long address) {
    int g = granules.find(address);
    if (g == GranuleTable.NONE || granules.state(g) != GranuleState.S_DELEGATED) {
      return false;
    }
    granules.lock(g);
    boolean there = granules.state(g) == GranuleState.S_DELEGATED;
    if (there) {
      granules.setState(g, role);
      held[used++] = g;
    }
    granules.unlock(g);
    return there;
  }

  /** Tells whether granules or their names have still to go back to the host. */
  public boolean owes() {
    return first < used || unnamed.size() != 0;
  }

  /** Tells whether blocks left their role in an earlier call and still have to be named. */
  public boolean hasUnnamed() {
    return unnamed.size() != 0;
  }

  /** Lets at most {@code most} granules leave their role; they wait to be named. */
  public void handBack(int most) {
    for (int i = 0; i < most && first < used; i++) {
      int g = held[first++];
      granules.lock(g);
      granules.unlockTransition(g, GranuleState.S_DELEGATED);
      boolean kept = unnamed.add(granules.address(g), Geometry.PAGE_LEVEL, 0);
      if (!kept) {
        throw new IllegalStateException("more than " + Block.MAX_COUNT + " blocks wait");
      }
    }
  }

  /** Names blocks to the host, at most as many as the list holds; returns how many. */
  public int name(HostList list) {
    int n = Math.min(list.count(), unnamed.size());
    unnamed.writeOut(context.memory(), list.address(), n);
    return n;
  }

  /** Returns how many granules it holds. */
  public int holds() {
    return used - first;
  }
}
