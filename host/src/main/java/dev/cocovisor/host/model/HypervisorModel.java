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
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.host.BackendRegistry;
import dev.cocovisor.host.Finding;
import dev.cocovisor.host.FindingCode;
import dev.cocovisor.host.HostException;
import java.util.ArrayList;
import java.util.List;

/**
 * A model of one host, put together from parts.
 *
 * <pre>{@code
 * HypervisorModel model =
 *     HypervisorModel.builder()
 *         .backends(registry, "tdx", "sev-snp")
 *         .decorate((id, vm, ops) -> new CountingOps(ops))
 *         .build();
 * KvmProcess vmm = model.newProcess();
 * }</pre>
 *
 * <p>What the builder offers covers the usual; {@link Builder#override} takes a Guice module whose
 * bindings replace any of the core's: {@link HostConfig}, {@link TraceSink}, {@link
 * PageSizePolicy}, {@link Kvm} itself.
 */
public final class HypervisorModel {
  private final Injector injector;
  private final Kvm kvm;

  private HypervisorModel(Injector injector) {
    this.injector = injector;
    this.kvm = injector.getInstance(Kvm.class);
  }

  /** Starts the description of an x86 host without vendor technologies. */
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
    return kvm.newProcess();
  }

  /** Describes a model. */
  public static final class Builder {
    private final List<Backend> backends = new ArrayList<>();
    private final List<Module> modules = new ArrayList<>();
    private final List<OpsDecorator> ops = new ArrayList<>();
    private final List<GuardDecorator> guards = new ArrayList<>();
    private HostConfig config = HostConfig.DEFAULT;

    private Builder() {}

    /** Sets memory, processor and settings. */
    public Builder host(HostConfig host) {
      config = host;
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
        backends.add(registry.require(id).backend());
      }
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

    /** Sends events to a sink. */
    public Builder trace(TraceSink sink) {
      return override(bindings(TraceSink.class, sink));
    }

    /** Limits private leaves. */
    public Builder pageSizes(PageSizePolicy policy) {
      return override(bindings(PageSizePolicy.class, policy));
    }

    /** Replaces bindings of the core by a module's; of several modules the last one wins. */
    public Builder override(Module module) {
      modules.add(module);
      return this;
    }

    /**
     * Makes the model.
     *
     * @throws HostException COCO-P030 if the parts do not fit together
     */
    public HypervisorModel build() {
      Module combined = Modules.combine(new CoreModule(config, backends), decorators());
      for (Module m : modules) {
        combined = Modules.override(combined).with(m);
      }
      try {
        return new HypervisorModel(Guice.createInjector(Stage.PRODUCTION, combined));
      } catch (CreationException e) {
        throw new HostException(
            new Finding(
                FindingCode.BAD_MODEL,
                "hypervisor model",
                "the parts do not fit together",
                String.join("; ", e.getErrorMessages().stream().map(m -> m.getMessage()).toList()),
                "bind what is missing in the module given to override()",
                List.of("HostConfig", "TraceSink", "PageSizePolicy", "Kvm")),
            e);
      }
    }

    private Module decorators() {
      return new AbstractModule() {
        @Override
        protected void configure() {
          Multibinder<OpsDecorator> o = Multibinder.newSetBinder(binder(), OpsDecorator.class);
          ops.forEach(d -> o.addBinding().toInstance(d));
          Multibinder<GuardDecorator> g = Multibinder.newSetBinder(binder(), GuardDecorator.class);
          guards.forEach(d -> g.addBinding().toInstance(d));
        }
      };
    }

    private static <T> Module bindings(Class<T> type, T instance) {
      return new AbstractModule() {
        @Override
        protected void configure() {
          bind(type).toInstance(instance);
        }
      };
    }
  }
}
