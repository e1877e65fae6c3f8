package dev.cocovisor.host.model;

import com.google.inject.AbstractModule;
import com.google.inject.CreationException;
import com.google.inject.Guice;
import com.google.inject.Injector;
import com.google.inject.Module;
import com.google.inject.Stage;
import com.google.inject.multibindings.Multibinder;
import com.google.inject.util.Modules;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Parts;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.InvariantChecker;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.attr.AttributeStore;
import dev.cocovisor.core.gmem.GuestMemfd;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.mem.FrameAllocator;
import dev.cocovisor.core.mmu.PageSizePolicy;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.mmu.TlbModel;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.host.load.LoadedBackend;
import dev.cocovisor.vmm.Technologies;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A model of one host, put together from parts. Who builds it closes it.
 *
 * <pre>{@code
 * HypervisorModel model =
 *     HypervisorModel.builder()
 *         .backends(registry, "tdx", "sev-snp")
 *         .secondStage((host, shape) -> new CountingStage(SecondStage.standard(host, shape)))
 *         .build();
 * GuestVm td = model.guest("tdx").memory("64M").boot();
 * }</pre>
 *
 * <p>What the builder offers covers the usual; {@link Builder#override} takes a Guice module whose
 * bindings replace any of the core's: the parts of {@link dev.cocovisor.core.CoreParts} by their
 * factories, {@link HostConfig}, {@link TraceSink}, a backend by {@code @Named(id)}, {@link Kvm}
 * itself.
 */
public final class HypervisorModel implements AutoCloseable {
  private final Injector injector;
  private final Kvm kvm;
  private final Technologies technologies;

  private HypervisorModel(Injector injector, Map<String, VmmDriver> drivers) {
    this.injector = injector;
    this.kvm = injector.getInstance(Kvm.class);
    ModelCheck.distinct(kvm.backends());
    Technologies all = Technologies.of(kvm.backends());
    for (Map.Entry<String, VmmDriver> d : drivers.entrySet()) {
      all = all.with(ModelCheck.technology(all, d.getKey()).withDriver(d.getValue()));
    }
    technologies = all;
  }

  /** Starts the description of a host without vendor technologies. */
  public static Builder builder() {
    return new Builder();
  }

  /** Returns the host. */
  public Kvm kvm() {
    return kvm;
  }

  /** Returns a part by its type, as the modules bound it. */
  public <T> T part(Class<T> type) {
    return injector.getInstance(type);
  }

  /** Starts a process on the host: a VMM. */
  public KvmProcess newProcess() {
    return new KvmProcess(kvm);
  }

  /**
   * Returns a VM type this host creates, by its uAPI name.
   *
   * @throws HostException COCO-P033 if it creates none; the text lists those it does
   */
  public VmType vmType(String name) {
    for (VmType t : vmTypes()) {
      if (t.name().equals(name)) {
        return t;
      }
    }
    throw ModelCheck.failure(
        FindingCode.NO_SUCH_VM_TYPE,
        name,
        "the host creates no VMs of this type",
        "KVM_CREATE_VM answers EINVAL to it: no backend of the model offers it",
        "add the backend that does, or use a type that is available",
        vmTypes().stream().map(VmType::name).toList());
  }

  private List<VmType> vmTypes() {
    List<VmType> offered =
        kvm.backends().stream().flatMap(b -> b.info().vmTypes().stream()).toList();
    return Stream.concat(
            kvm.builtInTypes().stream()
                .filter(t -> offered.stream().noneMatch(o -> o.number() == t.number())),
            offered.stream())
        .toList();
  }

  /**
   * Starts the description of a guest with a VMM of its own.
   *
   * @param backend the technology, {@code sw-protected}, or {@code default} for an ordinary x86 VM
   * @throws HostException COCO-P033 if the host has none such; the text lists those it has
   */
  public GuestBuilder guest(String backend) {
    KvmProcess vmm = newProcess();
    return guest(backend, vmm, vmm);
  }

  /**
   * Starts the description of a guest of a VMM that runs already.
   *
   * @param process the VMM, one of this host's
   * @param calls how its system calls are made: the process, or something around it
   * @throws HostException as {@link #guest(String)}
   */
  public GuestBuilder guest(String backend, KvmProcess process, VmmCalls calls) {
    return new GuestBuilder(ModelCheck.guestOf(technologies, backend, kvm), process, calls);
  }

  /** Returns the technologies of the host: its backends', and those the kernel has by itself. */
  public Technologies technologies() {
    return technologies;
  }

  /** Ends the host with all its processes and platforms; again is harmless. */
  @Override
  public void close() {
    kvm.close();
  }

  /** Returns everything that must not be, in words; empty if all is well. */
  public List<String> violations() {
    return kvm.violations();
  }

  /** Describes a model. */
  public static final class Builder {
    private final List<Backend> backends = new ArrayList<>();
    private final Map<String, VmmDriver> drivers = new LinkedHashMap<>();
    private final List<Module> modules = new ArrayList<>();
    private final List<OpsDecorator> ops = new ArrayList<>();
    private final List<GuardDecorator> guards = new ArrayList<>();
    private final List<PlatformDecorator> platforms = new ArrayList<>();
    private final List<InvariantChecker> checkers = new ArrayList<>();
    private final Map<String, String> settings = new LinkedHashMap<>();
    private @Nullable HostConfig config;

    private Builder() {}

    /** Sets memory, processor and settings; without it the processor is what the backends need. */
    public Builder host(HostConfig host) {
      config = host;
      return this;
    }

    /** Makes a setting of the core or of a backend, besides those of {@link #host}. */
    public Builder setting(String key, String value) {
      settings.put(key, value);
      return this;
    }

    /** Adds a technology. */
    public Builder backend(Backend backend) {
      backends.add(backend);
      return this;
    }

    /**
     * Adds technologies that a registry found.
     *
     * @throws HostException COCO-P001 if one is not loaded
     */
    public Builder backends(BackendRegistry registry, String... ids) {
      for (String id : ids) {
        LoadedBackend found = registry.require(id);
        backends.add(found.backend());
      }
      return this;
    }

    /**
     * Gives guests of a technology another VMM than its own.
     *
     * @param technology a backend's id, {@code sw-protected} or {@code default}
     */
    public Builder driver(String technology, VmmDriver driver) {
      drivers.put(technology, driver);
      return this;
    }

    /** Wraps or sets up the trusted half of every backend; the last decorator is outermost. */
    public Builder decoratePlatforms(PlatformDecorator decorator) {
      platforms.add(decorator);
      return this;
    }

    /** Wraps the vendor half of every VM; the last decorator is outermost. */
    public Builder decorate(OpsDecorator decorator) {
      ops.add(decorator);
      return this;
    }

    /** Wraps the guards of all platforms. */
    public Builder decorateGuards(GuardDecorator decorator) {
      guards.add(decorator);
      return this;
    }

    /** Adds a check to those the host has. */
    public Builder check(InvariantChecker checker) {
      checkers.add(checker);
      return this;
    }

    /** Sends events to a sink. */
    public Builder trace(TraceSink sink) {
      return part(TraceSink.class, sink);
    }

    /** Limits private leaves. */
    public Builder pageSizes(PageSizePolicy policy) {
      return part(PageSizePolicy.class, policy);
    }

    /** Makes the host's frames come from another allocator. */
    public Builder frames(FrameAllocator.Factory factory) {
      return part(FrameAllocator.Factory.class, factory);
    }

    /** Makes memory attributes live in another store. */
    public Builder attributes(AttributeStore.Factory factory) {
      return part(AttributeStore.Factory.class, factory);
    }

    /** Makes private memory come from other files. */
    public Builder guestMemfd(GuestMemfd.Factory factory) {
      return part(GuestMemfd.Factory.class, factory);
    }

    /** Makes guest memory be mapped by another second stage. */
    public Builder secondStage(SecondStage.Factory factory) {
      return part(SecondStage.Factory.class, factory);
    }

    /** Gives vCPUs another TLB. */
    public Builder tlb(TlbModel.Factory factory) {
      return part(TlbModel.Factory.class, factory);
    }

    /** Puts parts in place of those built in, by the type they are asked for as. */
    public Builder parts(Parts parts) {
      return part(Parts.class, parts);
    }

    /** Asks an interposer before every call into a trusted half. */
    public Builder interposer(Interposer interposer) {
      return part(Interposer.class, interposer);
    }

    /**
     * Replaces bindings of the core by a module's; of several modules the last one wins. A binding
     * that replaces nothing and that nobody asks for is refused when the model is made.
     */
    public Builder override(Module module) {
      modules.add(module);
      return this;
    }

    /**
     * Makes the model.
     *
     * @throws HostException COCO-P017, COCO-P030, COCO-P031, COCO-P032, COCO-P035 or COCO-P036 if
     *     the parts do not fit together
     */
    public HypervisorModel build() {
      ModelCheck.distinct(backends);
      Module core = Modules.combine(new CoreModule(hostConfig(), backends), additions());
      Module combined = core;
      for (Module m : modules) {
        combined = Modules.override(combined).with(m);
      }
      HypervisorModel model;
      try {
        model = new HypervisorModel(Guice.createInjector(Stage.PRODUCTION, combined), drivers);
      } catch (CreationException e) {
        throw ModelCheck.unfit(e);
      }
      List<Backend> present = model.kvm.backends();
      ModelCheck.fits(model.kvm.architecture(), present);
      new OverrideCheck(core, modules).used(model.injector);
      return model;
    }

    private HostConfig hostConfig() {
      HostConfig host = config;
      if (host == null) {
        host =
            backends.isEmpty()
                ? HostConfig.DEFAULT
                : HostConfig.DEFAULT.withArchitecture(backends.getFirst().info().architecture());
      }
      for (Map.Entry<String, String> s : settings.entrySet()) {
        host = host.withSetting(s.getKey(), s.getValue());
      }
      return host;
    }

    private Module additions() {
      return new AbstractModule() {
        @Override
        protected void configure() {
          add(OpsDecorator.class, ops);
          add(GuardDecorator.class, guards);
          add(PlatformDecorator.class, platforms);
          add(InvariantChecker.class, checkers);
        }

        private <T> void add(Class<T> type, List<T> all) {
          Multibinder<T> set = Multibinder.newSetBinder(binder(), type);
          all.forEach(one -> set.addBinding().toInstance(one));
        }
      };
    }

    private <T> Builder part(Class<T> type, T instance) {
      return override(
          new AbstractModule() {
            @Override
            protected void configure() {
              bind(type).toInstance(instance);
            }
          });
    }
  }
}
