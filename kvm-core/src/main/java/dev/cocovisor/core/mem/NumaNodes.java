package dev.cocovisor.core.mem;

import dev.cocovisor.api.mem.HostMemory;

/**
 * The frames of a host with several memory nodes, each with an allocator of its own.
 *
 * <p>Nodes are equal in size and lie one behind the other. A CPU takes from its own node first and
 * then from the others in order; CPUs are dealt to the nodes in turn. Source: {@code
 * mm/page_alloc.c}, get_page_from_freelist over the zonelist of a node.
 */
final class NumaNodes implements FrameAllocator {
  /** Blocks of the largest order must not lie in two nodes. */
  private static final long UNIT = 1L << BuddyAllocator.MAX_ORDER;

  private final FrameAllocator[] nodes;
  private final long framesPerNode;

  /**
   * Divides memory.
   *
   * @throws IllegalArgumentException if a node would have less than 1 GiB, or more than 64 nodes
   */
  NumaNodes(Factory each, long frames, int count) {
    this.framesPerNode = frames / Math.max(1, count) / UNIT * UNIT;
    if (count < 1 || count > MemoryPolicy.MAX_NODES || framesPerNode == 0) {
      throw new IllegalArgumentException("1 to 64 nodes of at least 1 GiB expected");
    }
    this.nodes = new FrameAllocator[count];
    for (int i = 0; i < count; i++) {
      nodes[i] = each.create(framesPerNode);
    }
  }

  @Override
  public long allocate(int order, int cpu) {
    for (int i = 0; i < nodes.length; i++) {
      long pfn = allocateOn((cpu + i) % nodes.length, order, cpu);
      if (pfn != HostMemory.NO_FRAME) {
        return pfn;
      }
    }
    return HostMemory.NO_FRAME;
  }

  @Override
  public long allocateOn(int node, int order, int cpu) {
    long pfn = nodes[node].allocate(order, cpu);
    return pfn == HostMemory.NO_FRAME ? pfn : node * framesPerNode + pfn;
  }

  @Override
  public void free(long pfn, int order, int cpu) {
    if (pfn < 0 || pfn >= nodes.length * framesPerNode) {
      throw new IllegalArgumentException("no frame " + pfn);
    }
    nodes[nodeOf(pfn)].free(pfn % framesPerNode, order, cpu);
  }

  @Override
  public boolean isFree(long pfn) {
    return nodes[nodeOf(pfn)].isFree(pfn % framesPerNode);
  }

  @Override
  public long allocated() {
    long all = 0;
    for (FrameAllocator n : nodes) {
      all += n.allocated();
    }
    return all;
  }

  @Override
  public int nodes() {
    return nodes.length;
  }

  @Override
  public int nodeOf(long pfn) {
    return (int) (pfn / framesPerNode);
  }
}
