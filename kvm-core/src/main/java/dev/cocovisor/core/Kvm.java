package dev.cocovisor.core;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.kernel.KernelProfile;
import dev.cocovisor.api.kernel.KernelRule;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.core.kernel.KernelRules;
import dev.cocovisor.core.kernel.KernelSettings;
import dev.cocovisor.core.mem.FrameAllocator;
import dev.cocovisor.core.mem.HugePool;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.mm.AddressLimits;
import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.mm.ThpMode;
import dev.cocovisor.core.vm.AlwaysInvariants;
import dev.cocovisor.core.vm.NoProgress;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.core.vm.VmProgress;
import dev.cocovisor.core.vm.VmSettings;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One host with KVM loaded: physical memory, platforms, and the processes that use them.
 *
 * <p>What can be set for it is in {@link CoreSettings} and in what its backends declare.
 */
public final class Kvm implements HostMachine, AutoCloseable {
  private final HostConfig config;
  private final List<Backend> backends;
  private final TraceSink trace;
  private final CoreParts parts;
  private final HostSettings settings;
  private final KernelProfile kernel;
  private final PhysicalHost memory;
  private final Platforms platforms;
  private final VmTypes types;
  private final List<Vm> vms = new ArrayList<>();
  private final List<NoProgress> standstills = new CopyOnWriteArrayList<>();
  private final List<String> warnings = new CopyOnWriteArrayList<>();
  private volatile @Nullable String warned;
  private final List<HostProcess> processes = new ArrayList<>();
  private int nextVm = 1;
  private long nextInode = 1;
  private final long framesAtBoot;
  private long leakedByEnded;
  private boolean diedBefore;
  private boolean closed;

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
   * @throws IllegalArgumentException if {@link HostConfig#settings} has a name that neither the
   *     core nor a backend declares, or a value that its setting does not take
   */
  public Kvm(HostConfig config, List<Backend> backends, TraceSink trace, CoreParts parts) {
    this.config = config;
    this.backends = List.copyOf(backends);
    this.trace = trace;
    this.parts = parts;
    this.settings = new HostSettings(config.settings(), this.backends);
    this.kernel = KernelSettings.profile(settings::get, kernelRules(this.backends));
    this.memory =
        new PhysicalHost(
            FrameAllocator.onNodes(
                parts.frames(), config.memoryFrames(), (int) number(CoreSettings.NODES)),
            new HugePool(hugePages()),
            config.memoryFrames());
    this.platforms = new Platforms(this, memory);
    this.types = new VmTypes(config, kernel, this.backends);
    this.framesAtBoot = memory.allocatedFrames();
  }

  @Override
  public TraceSink trace() {
    return trace;
  }

  /** Returns the rules that kernels differ in: the core's, then each backend's. */
  public static List<KernelRule<?>> kernelRules(List<? extends Backend> backends) {
    List<KernelRule<?>> all = new ArrayList<>(KernelRules.ALL);
    backends.forEach(b -> all.addAll(b.kernelRules()));
    return List.copyOf(all);
  }

  @Override
  public KernelProfile kernel() {
    return kernel;
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

  private long hugePages() {
    return Math.min(number(CoreSettings.HUGE_PAGES), config.memoryFrames() >>> 9);
  }

  /** kvm_mmu_max_gfn: what a page table of this host can hold. */
  private long maxGfn() {
    int asked = (int) number(CoreSettings.PHYSICAL_BITS);
    int recorded = architecture().equals(Architecture.X86_64) && backends.isEmpty() ? 40 : 48;
    int bits = config.tdpMmu() ? (asked == 0 ? recorded : asked) : 52;
    return (1L << (bits - 12)) - 1;
  }

  /** Returns what user address spaces of this host are like. */
  public AddressLimits addressLimits() {
    long bits = number(CoreSettings.ADDRESS_BITS);
    long top =
        architecture().equals(Architecture.X86_64)
            ? AddressLimits.x86Top(bits == 0 ? 57 : (int) bits)
            : 1L << (bits == 0 ? 52 : bits);
    return new AddressLimits(
        top,
        ThpMode.valueOf(setting(CoreSettings.THP).toUpperCase(Locale.ROOT)),
        flag(CoreSettings.SWAP),
        flag(CoreSettings.KSM),
        number(CoreSettings.VVAR),
        kernel.on(KernelRules.PARTIAL_COLLAPSE));
  }

  /**
   * Takes note of a process that began, so that it ends with the host at the latest.
   *
   * @throws IllegalStateException if the host was closed
   */
  public void began(HostProcess process) {
    if (closed) {
      throw new IllegalStateException("the host is closed");
    }
    processes.add(process);
  }

  /** Forgets a process that ended. */
  public void ended(HostProcess process) {
    processes.remove(process);
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
    return (int) number(CoreSettings.CPUS);
  }

  @Override
  public Interposer interposer() {
    return parts.interposer();
  }

  @Override
  public <T> T part(Class<T> type, T builtIn) {
    return parts.others().get(type, builtIn);
  }

  @Override
  public String setting(Setting setting) {
    return settings.get(setting);
  }

  /** Returns the number for the next guest_memfd's inode. */
  public long newInode() {
    return nextInode++;
  }

  /** Returns the preferred order of guest_memfd folios. */
  public int gmemOrder() {
    return (int) number(CoreSettings.GMEM_ORDER);
  }

  /** Finds the type that KVM_CREATE_VM's number means here; null if there is none. */
  public @Nullable VmType vmType(long number) {
    return types.of(number);
  }

  /** Returns the types the core creates by itself: software protection needs the TDP MMU. */
  public List<VmType> builtInTypes() {
    return types.builtIn();
  }

  /** Returns the platform of a backend, created with its first VM. */
  public Platform platform(Backend backend) {
    return platforms.of(backend);
  }

  /** Creates a VM of a known type for a process; its {@code vm_init} has not run yet. */
  public Vm createVm(VmType type, AddressSpace space) {
    Backend backend = types.backendOf(type.number());
    Vm.OpsFactory factory;
    VmProgress progress = new VmProgress(standstills::add);
    if (backend != null) {
      var _ = platform(backend);
      factory = (vm, t) -> vendorOps(backend, vm, t, progress);
    } else {
      VmTraits traits =
          type.equals(VmType.X86_SW_PROTECTED) ? VmTraits.SW_PROTECTED : VmTraits.DEFAULT;
      VmOps plain = new BuiltIn(traits);
      Backend adopter = types.adopter(type);
      factory =
          (vm, t) ->
              adopter == null
                  ? plain
                  : new AdoptableOps(vm, plain, () -> vendorOps(adopter, vm, t, progress));
    }
    VmSettings vmSettings =
        new VmSettings(
            config.tdpMmu(),
            config.maxLevel(),
            flag(CoreSettings.SLOT_ZAP_ALL),
            setting(CoreSettings.MAP_MEMORY_GUEST_MODE).equals("refuse"),
            number(CoreSettings.MEMORY_FAULT_BATCH),
            number(CoreSettings.ATTRIBUTE_ENTRIES),
            setting(CoreSettings.SPLIT_ORDER).equals("all-first"),
            (int) number(CoreSettings.MAX_VCPUS),
            (int) number(CoreSettings.MAX_VCPU_IDS),
            maxGfn(),
            number(CoreSettings.RETRIES),
            emulatesGuests(),
            kernel);
    Vm vm = new Vm(nextVm++, type, this, memory, space, vmSettings, parts.vm(), progress, factory);
    vms.add(vm);
    return vm;
  }

  /**
   * Tells whether KVM's instruction emulator carries out guests' accesses. The recorded 6.18 host
   * without nested paging is one without hardware virtualization (PVM), whose guests run so here.
   */
  private boolean emulatesGuests() {
    String access = setting(CoreSettings.GUEST_ACCESS);
    return access.equals("emulator")
        || (access.equals("recorded")
            && !config.tdpMmu()
            && kernel.on(KernelRules.RECORDED_ON_PVM));
  }

  private VmOps vendorOps(Backend backend, VmContext vm, VmType type, VmProgress progress) {
    VmOps ops = hooks(platform(backend), backend.info().id(), vm, type, progress);
    return trace.enabled() ? new TracedOps(ops, trace) : ops;
  }

  private static VmOps hooks(
      Platform platform, String backend, VmContext vm, VmType type, VmProgress progress) {
    try {
      return new GuardedOps(platform.createVm(vm, type), backend, progress);
    } catch (RuntimeException | Error e) {
      throw VendorFailure.of(backend, "createVm", e);
    }
  }

  /** Returns the paths of the vendors' device files. */
  public List<String> deviceFiles() {
    return backends.stream().map(Backend::deviceFiles).flatMap(List::stream).toList();
  }

  /**
   * Returns what gave up on this host because it stood still, in order: a run in which something is
   * listed ends without a verdict.
   */
  public List<NoProgress> standstills() {
    return List.copyOf(standstills);
  }

  /** Returns the VMs that live. */
  public List<Vm> vms() {
    vms.removeIf(this::isGone);
    return List.copyOf(vms);
  }

  private boolean isGone(Vm vm) {
    if (vm.isDestroyed()) {
      leakedByEnded += vm.leakedFrames();
      diedBefore |= vm.isDead();
      return true;
    }
    return false;
  }

  /**
   * Returns the frames that are allocated and were not when the host booted, those left out that
   * VMs gave up for good ({@link #leakedFrames}); 0 when everything is closed and nothing is lost.
   */
  public long framesSinceBoot() {
    return memory.allocatedFrames() - framesAtBoot - leakedFrames();
  }

  /**
   * Returns the frames that VMs gave up for good because a trusted half would not give them back,
   * the VMs that ended included.
   */
  public long leakedFrames() {
    long now = vms().stream().mapToLong(Vm::leakedFrames).sum();
    return leakedByEnded + now;
  }

  /** Tells whether a VM was declared dead (KVM_BUG_ON), those included that are gone. */
  public boolean anyVmDied() {
    return vms().stream().anyMatch(Vm::isDead) || diedBefore;
  }

  /**
   * Returns what the kernel warned of and remarked on, in order: failures that no answer could
   * tell.
   */
  public List<String> warnings() {
    return List.copyOf(warnings);
  }

  /** Returns what it warned of first (WARN_ON); null if nothing. */
  public @Nullable String warned() {
    return warned;
  }

  @Override
  public void warn(String function, String what) {
    if (warned == null) {
      warned = function + ": " + what;
    }
    remark(function, what);
  }

  @Override
  public void remark(String function, String what) {
    warnings.add(function + ": " + what);
    if (trace.enabled()) {
      trace.emit(new TraceEvent(TraceEvent.Kind.OWNERSHIP, function, "", what));
    }
  }

  /**
   * Returns the kernel's names of the hooks that the vendor halves of the living VMs implement:
   * what a trace of this host can tell of.
   */
  public SortedSet<String> implementedHooks() {
    var names = new TreeSet<String>();
    vms().forEach(vm -> names.addAll(TracedOps.hooksOf(vm.ops())));
    return names;
  }

  /** Reports what is broken of what holds at every moment, also while calls are half done. */
  public void checkAlways(Consumer<String> violation) {
    for (Vm vm : vms()) {
      AlwaysInvariants.check(vm, memory, s -> violation.accept("vm " + vm.id() + ": " + s));
    }
    memory.checkInvariants(violation);
  }

  /** Reports every broken invariant of the host, its VMs and its platforms. */
  public void checkInvariants(Consumer<String> violation) {
    parts.checker().check(this, violation);
  }

  /** Returns what {@link #checkInvariants} reports; empty if nothing is broken. */
  public List<String> violations() {
    List<String> found = new ArrayList<>();
    checkInvariants(found::add);
    return List.copyOf(found);
  }

  /** Returns the platforms created so far. */
  public List<Platform> platforms() {
    return platforms.all();
  }

  /**
   * Ends the host: its processes with their files, VMs and mappings, then its platforms, the last
   * first, and their say in accesses to memory. What is allocated afterwards is leaked, by the
   * model or as the model says. Again is harmless.
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    List.copyOf(processes).forEach(HostProcess::close);
    platforms.close();
    leakedByEnded += vms.stream().mapToLong(Vm::leakedFrames).sum();
    vms.clear();
  }
}
