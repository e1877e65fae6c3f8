package dev.cocovisor.host.model;

import com.google.inject.AbstractModule;
import com.google.inject.Provides;
import com.google.inject.Singleton;
import com.google.inject.multibindings.Multibinder;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import java.util.List;
import java.util.Set;

/** The bindings of a plain host; each can be overridden, and the sets can be added to. */
final class CoreModule extends AbstractModule {
  private final HostConfig config;
  private final List<Backend> backends;

  CoreModule(HostConfig config, List<Backend> backends) {
    this.config = config;
    this.backends = backends;
  }

  @Override
  protected void configure() {
    binder().requireExplicitBindings();
    binder().requireExactBindingAnnotations();
    bind(HostConfig.class).toInstance(config);
    bind(TraceSink.class).toInstance(TraceSink.OFF);
    bind(PageSizePolicy.class).toInstance(PageSizePolicy.VENDORS);
    Multibinder.newSetBinder(binder(), OpsDecorator.class);
    Multibinder.newSetBinder(binder(), GuardDecorator.class);
    Multibinder<Backend> set = Multibinder.newSetBinder(binder(), Backend.class);
    backends.forEach(b -> set.addBinding().toInstance(b));
  }

  @Provides
  @Singleton
  Kvm kvm(
      HostConfig host,
      Set<Backend> all,
      Set<OpsDecorator> ops,
      Set<GuardDecorator> guards,
      PageSizePolicy policy,
      TraceSink trace) {
    return new Kvm(
        host, all.stream().map(b -> DecoratedBackend.of(b, ops, guards, policy)).toList(), trace);
  }
}
