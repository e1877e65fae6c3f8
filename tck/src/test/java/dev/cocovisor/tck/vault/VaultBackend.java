package dev.cocovisor.tck.vault;

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
import java.util.Set;

/** The vault, right or wrong. */
public final class VaultBackend implements Backend {
  static final VmType TYPE = new VmType("KVM_VM_VAULT", 80, new Architecture("s390x"));

  private final Set<Flaw> flaws;

  /** Makes one with flaws; the honest one has none. */
  public VaultBackend(Flaw... flaws) {
    this.flaws = Set.of(flaws);
  }

  @Override
  public BackendInfo info() {
    return BackendInfo.builder("vault", TYPE.architecture())
        .version("1.0.0")
        .description("secret pages in the VMM's own memory")
        .vmTypes(TYPE)
        .build();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    Vault vault = new Vault(host.memory().raw(), flaws);
    return new Platform() {
      @Override
      public VmOps createVm(VmContext vm, VmType type) {
        return new VaultOps(vm, vault);
      }

      @Override
      public PhysicalGuard guard() {
        return vault;
      }
    };
  }

  @Override
  public VmmDriver vmm() {
    return new VaultDriver();
  }
}
