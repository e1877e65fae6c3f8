package dev.cocovisor.core.mem;

import dev.cocovisor.api.mem.HostMemory;

/**
 * From which nodes memory is taken (struct mempolicy).
 *
 * <p>Source: {@code mm/mempolicy.c}, mpol_new, policy_nodemask and interleave_nodes.
 */
public final class MemoryPolicy {
  /** The number of nodes a mask has bits for. */
  public static final int MAX_NODES = 64;

  /** MPOL_DEFAULT: no policy of its own. */
  public static final int DEFAULT = 0;

  /** MPOL_PREFERRED: from one node if it has memory. */
  public static final int PREFERRED = 1;

  /** MPOL_BIND: from these nodes only. */
  public static final int BIND = 2;

  /** MPOL_INTERLEAVE: from these nodes in turn. */
  public static final int INTERLEAVE = 3;

  /** MPOL_LOCAL: from the node of the CPU that asks. */
  public static final int LOCAL = 4;

  /** MPOL_PREFERRED_MANY: from these nodes if they have memory. */
  public static final int PREFERRED_MANY = 5;

  /** MPOL_WEIGHTED_INTERLEAVE; all weights are 1. */
  public static final int WEIGHTED_INTERLEAVE = 6;

  private final int mode;
  private final long nodes;
  private int turn;

  /**
   * Creates a policy that was judged before.
   *
   * @param mode one of the constants, with the mode flags the user gave
   * @param nodes one bit for each node
   */
  public MemoryPolicy(int mode, long nodes) {
    this.mode = mode;
    this.nodes = nodes;
  }

  /** Returns the mode with its flags, as get_mempolicy gives it back. */
  public int mode() {
    return mode;
  }

  /** Returns one bit for each node. */
  public long nodes() {
    return nodes;
  }

  /** Tells whether a page on this node is where the policy wants it. */
  public boolean allows(int node) {
    return nodes == 0 || (nodes >>> node & 1) != 0;
  }

  /** Takes a block of frames; {@link HostMemory#NO_FRAME} if the nodes allowed have none. */
  long allocate(FrameAllocator from, int order, int cpu) {
    int kind = mode & 0xff;
    if (nodes == 0) {
      return from.allocate(order, cpu);
    }
    boolean inTurn = kind == INTERLEAVE || kind == WEIGHTED_INTERLEAVE;
    int first = inTurn ? next() : Long.numberOfTrailingZeros(nodes);
    for (int i = 0; i < MAX_NODES; i++) {
      int node = (first + i) % MAX_NODES;
      if ((nodes >>> node & 1) != 0 && node < from.nodes()) {
        long pfn = from.allocateOn(node, order, cpu);
        if (pfn != HostMemory.NO_FRAME) {
          return pfn;
        }
      }
    }
    return kind == BIND ? HostMemory.NO_FRAME : from.allocate(order, cpu);
  }

  /** The node whose turn it is. */
  private int next() {
    long above = nodes >>> turn;
    int node =
        above == 0 ? Long.numberOfTrailingZeros(nodes) : turn + Long.numberOfTrailingZeros(above);
    turn = (node + 1) % MAX_NODES;
    return node;
  }
}
