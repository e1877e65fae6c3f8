package dev.cocovisor.tck.reference;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.vmm.VmmDriver;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;

/** The backend of a technology whose guests share their pages in place. */
public final class InPlaceBackend implements Backend {
  /** KVM_CREATE_VM's argument; the low byte is the IPA size on this architecture. */
  public static final VmType TYPE = new VmType("IN_PLACE_VM", 1L << 29, Architecture.ARM64);

  private final BiFunction<VmContext, Monitor, VmOps> ops;
  private final UnaryOperator<PhysicalGuard> guard;

  /** Creates the honest backend. */
  public InPlaceBackend() {
    this(InPlaceOps::new, InPlaceBackend::devicesReach);
  }

  /** Creates a backend with other halves. */
  public InPlaceBackend(
      BiFunction<VmContext, Monitor, VmOps> ops, UnaryOperator<PhysicalGuard> guard) {
    this.ops = ops;
    this.guard = guard;
  }

  /** Nothing stops a device. */
  public static PhysicalGuard devicesReach(PhysicalGuard inner) {
    return (who, pfn, write) ->
        who.kind() == Accessor.Kind.DEVICE
            ? PhysicalGuard.Verdict.ALLOW
            : inner.check(who, pfn, write);
  }

  @Override
  public BackendInfo info() {
    return BackendInfo.builder("in-place", Architecture.ARM64)
        .version("1.0.0")
        .description("a technology that converts in place and keeps every rule")
        .vmTypes(TYPE)
        .build();
  }

  @Override
  public VmmDriver vmm() {
    return new InPlaceDriver();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    Monitor monitor = new Monitor(host.memory().raw());
    return new Platform() {
      @Override
      public VmOps createVm(VmContext vm, VmType type) {
        return ops.apply(vm, monitor);
      }

      @Override
      public PhysicalGuard guard() {
        return guard.apply(monitor);
      }
    };
  }
}
