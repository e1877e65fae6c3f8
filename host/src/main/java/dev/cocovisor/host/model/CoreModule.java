package dev.cocovisor.host.model;

import com.google.inject.AbstractModule;
import com.google.inject.Key;
import com.google.inject.Provides;
import com.google.inject.Singleton;
import com.google.inject.multibindings.Multibinder;
import com.google.inject.name.Names;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Parts;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.InvariantChecker;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.attr.AttributeStore;
import dev.cocovisor.core.gmem.GuestMemfd;
import dev.cocovisor.core.mem.FrameAllocator;
import dev.cocovisor.core.mmu.PageSizePolicy;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.mmu.TlbModel;
import dev.cocovisor.core.vm.VmParts;
import java.util.List;
import java.util.Set;

/**
 * The bindings of a plain host; each can be overridden, and the sets can be added to. Every backend
 * is bound by its id, so that a module can put another in its place.
 */
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
    CoreParts parts = CoreParts.DEFAULT;
    bind(HostConfig.class).toInstance(config);
    bind(TraceSink.class).toInstance(TraceSink.OFF);
    bind(FrameAllocator.Factory.class).toInstance(parts.frames());
    bind(GuestMemfd.Factory.class).toInstance(parts.guestMemfd());
    bind(AttributeStore.Factory.class).toInstance(parts.vm().attributes());
    bind(SecondStage.Factory.class).toInstance(parts.vm().secondStage());
    bind(TlbModel.Factory.class).toInstance(parts.vm().tlb());
    bind(PageSizePolicy.class).toInstance(parts.vm().pageSizes());
    bind(InvariantChecker.class).toInstance(parts.checker());
    bind(Interposer.class).toInstance(parts.interposer());
    bind(Parts.class).toInstance(parts.others());
    Multibinder.newSetBinder(binder(), InvariantChecker.class);
    Multibinder.newSetBinder(binder(), PlatformDecorator.class);
    Multibinder.newSetBinder(binder(), OpsDecorator.class);
    Multibinder.newSetBinder(binder(), GuardDecorator.class);
    Multibinder<Backend> set = Multibinder.newSetBinder(binder(), Backend.class);
    for (Backend b : backends) {
      Key<Backend> key = Key.get(Backend.class, Names.named(b.info().id()));
      bind(key).toInstance(b);
      set.addBinding().to(key);
    }
  }

  @Provides
  @Singleton
  VmParts vmParts(
      AttributeStore.Factory attributes,
      SecondStage.Factory secondStage,
      TlbModel.Factory tlb,
      PageSizePolicy pageSizes) {
    return new VmParts(attributes, secondStage, tlb, pageSizes);
  }

  @Provides
  @Singleton
  CoreParts parts(
      FrameAllocator.Factory frames,
      GuestMemfd.Factory guestMemfd,
      VmParts vm,
      InvariantChecker checker,
      Set<InvariantChecker> more,
      Interposer interposer,
      Parts others) {
    InvariantChecker all = checker;
    for (InvariantChecker c : more) {
      all = all.and(c);
    }
    return new CoreParts(frames, guestMemfd, vm, all, interposer, others);
  }

  @Provides
  @Singleton
  Kvm kvm(
      HostConfig host,
      Set<Backend> all,
      Set<PlatformDecorator> platforms,
      Set<OpsDecorator> ops,
      Set<GuardDecorator> guards,
      TraceSink trace,
      CoreParts parts) {
    SettingsCheck.declared(host.settings(), all);
    List<Backend> decorated =
        all.stream().map(b -> DecoratedBackend.of(b, platforms, ops, guards)).toList();
    return new Kvm(host, decorated, trace, parts);
  }
}
