package dev.cocovisor.core;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.mem.AddressSpace;
import dev.cocovisor.core.mem.FrameAllocator;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.core.vm.VmSettings;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One host with KVM loaded: physical memory, platforms, and the processes that use them.
 *
 * <p>Settings of the core, for {@link HostConfig#settings}: {@code core.cpus} (number of logical
 * processors, 1), {@code core.gmem-order} (preferred order of guest_memfd folios: 0, 9 or 18; the
 * reference kernel has 0), {@code core.slot-zap-all} (the x86 quirk, true), {@code
 * core.map-memory-guest-mode} ({@code refuse} as KVM_MAP_MEMORY's first revision, {@code l1} as the
 * later patch), {@code core.memory-fault-batch} (the most pages one KVM_EXIT_MEMORY_FAULT reports,
 * 1), {@code core.nodes} (number of memory nodes, 1), {@code core.attribute-entries} (how many
 * pages may have attributes before the memory that a cgroup allows for them is used up, unlimited).
 */
public final class Kvm implements HostMachine {
  private final HostConfig config;
  private final List<Backend> backends;
  private final TraceSink trace;
  private final CoreParts parts;
  private final PhysicalHost memory;
  private final Map<String, Platform> platforms = new LinkedHashMap<>();
  private final List<Vm> vms = new ArrayList<>();
  private int nextVm = 1;
  private long nextInode = 1;

  /** An ordinary or software-protected VM: every hook is the kernel's default. */
  private record BuiltIn(VmTraits traits) implements VmOps {}

  /**
   * Boots a host.
   *
   * @param backends the vendor technologies it has, besides the built-in default and
   *     software-protected VM types
   */
  public Kvm(HostConfig config, List<Backend> backends) {
    this(config, backends, TraceSink.OFF);
  }

  /**
   * Boots a host whose events go to a sink.
   *
   * @param backends as for {@link #Kvm(HostConfig, List)}
   */
  public Kvm(HostConfig config, List<Backend> backends, TraceSink trace) {
    this(config, backends, trace, CoreParts.DEFAULT);
  }

  /**
   * Boots a host from other parts than those built in.
   *
   * @param backends as for {@link #Kvm(HostConfig, List)}
   */
  public Kvm(HostConfig config, List<Backend> backends, TraceSink trace, CoreParts parts) {
    this.config = config;
    this.backends = List.copyOf(backends);
    this.trace = trace;
    this.parts = parts;
    this.memory =
        new PhysicalHost(
            FrameAllocator.onNodes(
                parts.frames(),
                config.memoryFrames(),
                Integer.parseInt(setting("core.nodes", "1"))));
  }

  @Override
  public TraceSink trace() {
    return trace;
  }

  /** Returns how the host was set up. */
  public HostConfig config() {
    return config;
  }

  /** Returns how the host's parts are made. */
  public CoreParts parts() {
    return parts;
  }

  /** Returns the vendor technologies present. */
  public List<Backend> backends() {
    return backends;
  }

  /** Returns physical memory with the model's own operations. */
  public PhysicalHost physicalMemory() {
    return memory;
  }

  /** Starts a process: an empty address space and no open file. */
  public KvmProcess newProcess() {
    return new KvmProcess(this);
  }

  @Override
  public Architecture architecture() {
    return config.architecture();
  }

  @Override
  public HostMemory memory() {
    return memory;
  }

  @Override
  public int cpus() {
    return Integer.parseInt(setting("core.cpus", "1"));
  }

  @Override
  public String setting(String key, String otherwise) {
    return config.settings().getOrDefault(key, otherwise);
  }

  /** Returns the number for the next guest_memfd's inode. */
  public long newInode() {
    return nextInode++;
  }

  /** Returns the preferred order of guest_memfd folios. */
  public int gmemOrder() {
    int order = Integer.parseInt(setting("core.gmem-order", "0"));
    if (order != 0 && order != 9 && order != 18) {
      throw new IllegalArgumentException("core.gmem-order is none of 0, 9, 18");
    }
    return order;
  }

  /** Finds the type that KVM_CREATE_VM's number means here; null if there is none. */
  public @Nullable VmType vmType(long number) {
    for (VmType t : builtInTypes()) {
      if (t.number() == number) {
        return t;
      }
    }
    Backend b = backendOf(number);
    if (b != null) {
      for (VmType t : b.info().vmTypes()) {
        if (t.number() == number) {
          return t;
        }
      }
    }
    return null;
  }

  /** Returns the types the core creates by itself: software protection needs the TDP MMU. */
  public List<VmType> builtInTypes() {
    if (config.architecture() != Architecture.X86_64) {
      return List.of(
          config.architecture() == Architecture.ARM64
              ? VmType.ARM_NORMAL
              : new VmType("0", 0, config.architecture()));
    }
    return config.tdpMmu()
        ? List.of(VmType.X86_DEFAULT, VmType.X86_SW_PROTECTED)
        : List.of(VmType.X86_DEFAULT);
  }

  private @Nullable Backend backendOf(long number) {
    for (Backend b : backends) {
      if (b.info().architecture() == config.architecture()) {
        for (VmType t : b.info().vmTypes()) {
          if (t.number() == number) {
            return b;
          }
        }
      }
    }
    return null;
  }

  /** Returns the platform of a backend, created with its first VM. */
  public Platform platform(Backend backend) {
    Platform p = platforms.get(backend.info().id());
    if (p == null) {
      p = backend.createPlatform(this);
      platforms.put(backend.info().id(), p);
      memory.addGuard(p.guard());
    }
    return p;
  }

  /** Creates a VM of a known type for a process; its {@code vm_init} has not run yet. */
  public Vm createVm(VmType type, AddressSpace space) {
    Backend backend = backendOf(type.number());
    Vm.OpsFactory factory;
    if (backend != null) {
      Platform p = platform(backend);
      factory =
          (vm, t) -> {
            VmOps ops = p.createVm(vm, t);
            return trace.enabled() ? new TracedOps(ops, trace) : ops;
          };
    } else {
      VmTraits traits =
          type.equals(VmType.X86_SW_PROTECTED) ? VmTraits.SW_PROTECTED : VmTraits.DEFAULT;
      factory = (_, _) -> new BuiltIn(traits);
    }
    VmSettings settings =
        new VmSettings(
            config.tdpMmu(),
            config.maxLevel(),
            Boolean.parseBoolean(setting("core.slot-zap-all", "true")),
            setting("core.map-memory-guest-mode", "refuse").equals("refuse"),
            Long.parseLong(setting("core.memory-fault-batch", "1")),
            Long.parseLong(setting("core.attribute-entries", Long.toString(Long.MAX_VALUE))));
    Vm vm = new Vm(nextVm++, type, this, memory, space, settings, parts.vm(), factory);
    vms.add(vm);
    return vm;
  }

  /** Returns the VMs that live. */
  public List<Vm> vms() {
    vms.removeIf(Vm::isDestroyed);
    return List.copyOf(vms);
  }

  /** Reports every broken invariant of the host, its VMs and its platforms. */
  public void checkInvariants(Consumer<String> violation) {
    parts.checker().check(this, violation);
  }

  /** Returns the platforms created so far. */
  public List<Platform> platforms() {
    return List.copyOf(platforms.values());
  }
}
