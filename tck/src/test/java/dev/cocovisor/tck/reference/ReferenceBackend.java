package dev.cocovisor.tck.reference;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;

/** The reference technology's backend; the zoo gives it other vendor halves. */
public final class ReferenceBackend implements Backend {
  /** KVM_CREATE_VM's argument. */
  static final VmType TYPE = new VmType("REFERENCE_VM", 77, Architecture.X86_64);

  private static final BackendInfo INFO =
      new BackendInfo(
          "reference",
          "1.0.0",
          "a technology that keeps every rule",
          Architecture.X86_64,
          List.of(TYPE),
          Map.of(),
          Map.of());

  private final BiFunction<VmContext, Monitor, VmOps> ops;

  /** Creates the honest backend. */
  public ReferenceBackend() {
    this(ReferenceOps::new);
  }

  /** Creates a backend with other vendor halves. */
  public ReferenceBackend(BiFunction<VmContext, Monitor, VmOps> ops) {
    this.ops = ops;
  }

  @Override
  public BackendInfo info() {
    return INFO;
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
        return monitor;
      }
    };
  }
}
