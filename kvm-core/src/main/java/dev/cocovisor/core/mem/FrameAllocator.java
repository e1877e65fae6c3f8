package dev.cocovisor.core.mem;

import dev.cocovisor.api.mem.HostMemory;

/**
 * Hands out the frames of one host.
 *
 * <p>The one built in is a buddy allocator with a cache for each CPU. Another must be thread-safe,
 * must not allocate on the heap for a frame handed out, and gives naturally aligned blocks.
 */
public interface FrameAllocator {
  /** Makes the allocator of a host. */
  @FunctionalInterface
  interface Factory {
    /**
     * Returns an allocator with nothing handed out.
     *
     * @param frames the host's memory in 4 KiB frames, numbered from 0
     */
    FrameAllocator create(long frames);
  }

  /** Returns the allocator that hosts have unless they are given another. */
  static FrameAllocator buddy(long frames) {
    return new BuddyAllocator(frames);
  }

  /**
   * Returns the allocator of a host with several memory nodes.
   *
   * @param each makes the allocator of one node
   * @param count the number of nodes; 1 is {@code each} itself
   * @throws IllegalArgumentException if a node would have less than 1 GiB
   */
  static FrameAllocator onNodes(Factory each, long frames, int count) {
    return count == 1 ? each.create(frames) : new NumaNodes(each, frames, count);
  }

  /**
   * Takes a naturally aligned block of {@code 1 << order} frames.
   *
   * @param order 0 to 18
   * @param cpu the CPU that asks
   * @return the first frame, or {@link HostMemory#NO_FRAME}
   */
  long allocate(int order, int cpu);

  /**
   * Gives a block back.
   *
   * @throws IllegalArgumentException if there is no such block
   */
  void free(long pfn, int order, int cpu);

  /** Returns the number of frames handed out. */
  long allocated();

  /**
   * Tells whether a frame is free, for checkers; false where the allocator cannot tell. Nobody
   * allocates or frees meanwhile.
   */
  default boolean isFree(long pfn) {
    return false;
  }

  /** Returns the number of memory nodes. */
  default int nodes() {
    return 1;
  }

  /** Returns the memory node a frame lies on. */
  default int nodeOf(long pfn) {
    return 0;
  }

  /** As {@link #allocate}, from one node only. */
  default long allocateOn(int node, int order, int cpu) {
    return allocate(order, cpu);
  }
}
