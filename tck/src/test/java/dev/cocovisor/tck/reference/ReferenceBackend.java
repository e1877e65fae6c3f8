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
import dev.cocovisor.api.vmm.VmmDriver;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;

/** The reference technology's backend; the zoo gives it other vendor halves. */
public final class ReferenceBackend implements Backend {
  /** KVM_CREATE_VM's argument. */
  public static final VmType TYPE = new VmType("REFERENCE_VM", 77, Architecture.X86_64);

  /** What the honest backend says of itself. */
  public static final BackendInfo INFO =
      BackendInfo.builder("reference", Architecture.X86_64)
          .version("1.0.0")
          .description("a technology that keeps every rule")
          .vmTypes(TYPE)
          .build();

  private final BackendInfo info;
  private final BiFunction<VmContext, Monitor, VmOps> ops;
  private final UnaryOperator<PhysicalGuard> guard;

  /** Creates the honest backend. */
  public ReferenceBackend() {
    this(INFO, ReferenceOps::new, g -> g);
  }

  /** Creates a backend that says something else of itself, or has other halves. */
  public ReferenceBackend(
      BackendInfo info,
      BiFunction<VmContext, Monitor, VmOps> ops,
      UnaryOperator<PhysicalGuard> guard) {
    this.info = info;
    this.ops = ops;
    this.guard = guard;
  }

  @Override
  public BackendInfo info() {
    return info;
  }

  @Override
  public VmmDriver vmm() {
    return new ReferenceDriver();
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
