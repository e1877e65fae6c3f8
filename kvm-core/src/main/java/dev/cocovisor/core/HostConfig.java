package dev.cocovisor.core;

import dev.cocovisor.api.Architecture;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a host is like before its first VM: memory, processors, and how its KVM was loaded.
 *
 * @param architecture the kind of processor
 * @param memoryFrames physical memory in 4 KiB frames, up to 256 TiB
 * @param tdpMmu whether nested paging is on (module parameter {@code tdp_mmu} and {@code npt}); off
 *     means the legacy shadow MMU
 * @param maxLevel the largest page KVM maps, in the kernel's numbering: 1, 2 or 3
 * @param settings what {@link dev.cocovisor.api.HostMachine#setting} answers
 */
public record HostConfig(
    Architecture architecture,
    long memoryFrames,
    boolean tdpMmu,
    int maxLevel,
    Map<String, String> settings) {
  /** An x86 host with 1 TiB of (lazy) memory, nested paging and 1 GiB pages. */
  public static final HostConfig DEFAULT =
      new HostConfig(Architecture.X86_64, 1L << 28, true, 3, Map.of());

  private static final long MAX_FRAMES = 1L << 36;

  /** Keeps a copy of the settings and checks the ranges. */
  public HostConfig {
    settings = Map.copyOf(settings);
    if (memoryFrames <= 0 || memoryFrames > MAX_FRAMES || maxLevel < 1 || maxLevel > 3) {
      throw new IllegalArgumentException("memory of 1 to 2^36 frames and maxLevel 1..3 expected");
    }
  }

  /** An x86 host. */
  public HostConfig(long memoryFrames, boolean tdpMmu, int maxLevel) {
    this(Architecture.X86_64, memoryFrames, tdpMmu, maxLevel, Map.of());
  }

  /** Returns a copy of another architecture. */
  public HostConfig withArchitecture(Architecture other) {
    return new HostConfig(other, memoryFrames, tdpMmu, maxLevel, settings);
  }

  /** Returns a copy with another size of memory. */
  public HostConfig withMemoryFrames(long frames) {
    return new HostConfig(architecture, frames, tdpMmu, maxLevel, settings);
  }

  /** Returns a copy with nested paging on or off. */
  public HostConfig withTdpMmu(boolean on) {
    return new HostConfig(architecture, memoryFrames, on, maxLevel, settings);
  }

  /**
   * Returns a copy with another kernel: a release, {@code 6.12}, and rules of others after it,
   * {@code 6.12+bind-overlap@7.2}. {@link dev.cocovisor.core.kernel.KernelRules} lists the core's.
   */
  public HostConfig withKernel(String name) {
    return withSetting("kernel", name);
  }

  /** Returns a copy with one more setting; that of the TDP MMU is {@link #withTdpMmu}. */
  public HostConfig withSetting(String key, String value) {
    if (key.equals(CoreSettings.TDP_MMU.name())) {
      return withTdpMmu(Boolean.parseBoolean(CoreSettings.TDP_MMU.checked(value)));
    }
    var all = new LinkedHashMap<>(settings);
    all.put(key, value);
    return new HostConfig(architecture, memoryFrames, tdpMmu, maxLevel, all);
  }
}
