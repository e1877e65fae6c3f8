package dev.cocovisor.host.model;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.TrustedFault;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.api.ops.VmOps;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A backend whose vendor halves and guard went through the model's decorators. */
record DecoratedBackend(
    Backend inner, List<OpsDecorator> ops, List<GuardDecorator> guards, PageSizePolicy policy)
    implements Backend {
  static Backend of(
      Backend inner, Set<OpsDecorator> ops, Set<GuardDecorator> guards, PageSizePolicy policy) {
    return ops.isEmpty() && guards.isEmpty() && policy == PageSizePolicy.VENDORS
        ? inner
        : new DecoratedBackend(inner, List.copyOf(ops), List.copyOf(guards), policy);
  }

  @Override
  public BackendInfo info() {
    return inner.info();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return new Decorated(inner.createPlatform(host));
  }

  private final class Decorated implements Platform {
    private final Platform platform;

    Decorated(Platform platform) {
      this.platform = platform;
    }

    @Override
    public VmOps createVm(VmContext vm, VmType type) {
      VmOps made = platform.createVm(vm, type);
      if (policy != PageSizePolicy.VENDORS) {
        made = new Limited(made, vm.id());
      }
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
    public void checkInvariants(Consumer<String> violation) {
      platform.checkInvariants(violation);
    }

    @Override
    public @Nullable String ownerOf(long pfn) {
      return platform.ownerOf(pfn);
    }

    @Override
    public Errno plan(TrustedFault fault) {
      return platform.plan(fault);
    }

    @Override
    public void close() {
      platform.close();
    }
  }

  private final class Limited extends ForwardingVmOps {
    private final int vm;

    Limited(VmOps delegate, int vm) {
      super(delegate);
      this.vm = vm;
    }

    @Override
    public @Nullable PageLevel privateMaxMappingLevel(
        @Nullable VcpuContext vcpu, long pfn, long gfn, boolean prefetch) {
      return policy.limit(vm, gfn, delegate().privateMaxMappingLevel(vcpu, pfn, gfn, prefetch));
    }
  }
}
