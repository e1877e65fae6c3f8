package dev.cocovisor.host.model;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogWords;
import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.api.vmm.VmmDriver;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A backend whose platform, vendor halves and guard went through the model's decorators. */
record DecoratedBackend(
    Backend inner,
    List<PlatformDecorator> platforms,
    List<OpsDecorator> ops,
    List<GuardDecorator> guards)
    implements Backend {
  static Backend of(
      Backend inner,
      Set<PlatformDecorator> platforms,
      Set<OpsDecorator> ops,
      Set<GuardDecorator> guards) {
    return platforms.isEmpty() && ops.isEmpty() && guards.isEmpty()
        ? inner
        : new DecoratedBackend(
            inner, List.copyOf(platforms), List.copyOf(ops), List.copyOf(guards));
  }

  @Override
  public BackendInfo info() {
    return inner.info();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    Platform platform = inner.createPlatform(host);
    for (PlatformDecorator d : platforms) {
      platform = d.decorate(inner.info().id(), host, platform);
    }
    return ops.isEmpty() && guards.isEmpty() ? platform : new Decorated(platform);
  }

  @Override
  public VmmDriver vmm() {
    return inner.vmm();
  }

  @Override
  public List<LaunchMeasurer> measurers() {
    return inner.measurers();
  }

  @Override
  public List<LogReplayer> replayers() {
    return inner.replayers();
  }

  @Override
  public LogWords logWords() {
    return inner.logWords();
  }

  private final class Decorated implements Platform {
    private final Platform platform;

    Decorated(Platform platform) {
      this.platform = platform;
    }

    @Override
    public VmOps createVm(VmContext vm, VmType type) {
      VmOps made = platform.createVm(vm, type);
      for (OpsDecorator d : ops) {
        made = d.decorate(inner.info().id(), vm, made);
      }
      return made;
    }

    @Override
    public PhysicalGuard guard() {
      PhysicalGuard guard = platform.guard();
      for (GuardDecorator d : guards) {
        guard = d.decorate(inner.info().id(), guard);
      }
      return guard;
    }

    @Override
    public @Nullable String ownerOf(long pfn) {
      return platform.ownerOf(pfn);
    }

    @Override
    public void showFrames(TableSink into) {
      platform.showFrames(into);
    }

    @Override
    public boolean makeAccessible(long pfn) {
      return platform.makeAccessible(pfn);
    }

    @Override
    public List<? extends TrustedCall> trustedCalls() {
      return platform.trustedCalls();
    }

    @Override
    public Errno plan(TrustedFault fault) {
      return platform.plan(fault);
    }

    @Override
    public void checkInvariants(Consumer<String> violation) {
      platform.checkInvariants(violation);
    }

    @Override
    public void close() {
      platform.close();
    }
  }
}
