package dev.cocovisor.host.model;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.ForwardingBackend;
import dev.cocovisor.api.ForwardingPlatform;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import java.util.List;
import java.util.Set;

/** A backend whose platform, vendor halves and guard went through the model's decorators. */
final class DecoratedBackend extends ForwardingBackend {
  private final List<PlatformDecorator> platforms;
  private final List<OpsDecorator> ops;
  private final List<GuardDecorator> guards;

  private DecoratedBackend(
      Backend inner,
      Set<PlatformDecorator> platforms,
      Set<OpsDecorator> ops,
      Set<GuardDecorator> guards) {
    super(inner);
    this.platforms = List.copyOf(platforms);
    this.ops = List.copyOf(ops);
    this.guards = List.copyOf(guards);
  }

  static Backend of(
      Backend inner,
      Set<PlatformDecorator> platforms,
      Set<OpsDecorator> ops,
      Set<GuardDecorator> guards) {
    return platforms.isEmpty() && ops.isEmpty() && guards.isEmpty()
        ? inner
        : new DecoratedBackend(inner, platforms, ops, guards);
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    Platform platform = super.createPlatform(host);
    for (PlatformDecorator d : platforms) {
      platform = d.decorate(info().id(), host, platform);
    }
    return ops.isEmpty() && guards.isEmpty() ? platform : new Decorated(platform);
  }

  private final class Decorated extends ForwardingPlatform {
    Decorated(Platform platform) {
      super(platform);
    }

    @Override
    public VmOps createVm(VmContext vm, VmType type) {
      VmOps made = super.createVm(vm, type);
      for (OpsDecorator d : ops) {
        made = d.decorate(info().id(), vm, made);
      }
      return made;
    }

    @Override
    public PhysicalGuard guard() {
      PhysicalGuard guard = super.guard();
      for (GuardDecorator d : guards) {
        guard = d.decorate(info().id(), guard);
      }
      return guard;
    }
  }
}
