package dev.cocovisor.core;

/**
 * What a host is like before its first VM: memory, and how its KVM was loaded.
 *
 * @param memoryFrames physical memory in 4 KiB frames
 * @param tdpMmu whether nested paging is on (module parameter {@code tdp_mmu} and {@code npt}); off
 *     means the legacy shadow MMU
 * @param maxLevel the largest page KVM maps, in the kernel's numbering: 1, 2 or 3
 */
public record HostConfig(long memoryFrames, boolean tdpMmu, int maxLevel) {
  /** A host with 1 TiB of (lazy) memory, nested paging and 1 GiB pages. */
  public static final HostConfig DEFAULT = new HostConfig(1L << 28, true, 3);

  /** Checks the ranges. */
  public HostConfig {
    if (memoryFrames <= 0 || maxLevel < 1 || maxLevel > 3) {
      throw new IllegalArgumentException("memoryFrames > 0 and maxLevel 1..3 expected");
    }
  }

  /** Returns a copy with nested paging on or off. */
  public HostConfig withTdpMmu(boolean on) {
    return new HostConfig(memoryFrames, on, maxLevel);
  }
}
