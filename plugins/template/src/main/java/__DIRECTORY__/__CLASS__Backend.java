package __PACKAGE__;

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

/** What Cocovisor finds: who this is, and the trusted part that all its VMs share on one host. */
public final class __CLASS__Backend implements Backend {
  /** KVM_CREATE_VM's argument. */
  static final VmType TYPE =
      new VmType("KVM_X86___CONSTANT___VM", __VM_TYPE__, Architecture.X86_64);

  private static final BackendInfo INFO =
      BackendInfo.builder("__NAME__", Architecture.X86_64)
          .version("1.0.0")
          .description("the __NAME__ technology")
          .vmTypes(TYPE)
          .build();

  @Override
  public BackendInfo info() {
    return INFO;
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    __CLASS__Pages pages = new __CLASS__Pages(host.memory().raw());
    return new Platform() {
      @Override
      public VmOps createVm(VmContext vm, VmType type) {
        return new __CLASS__Vm(vm, pages);
      }

      @Override
      public PhysicalGuard guard() {
        return pages;
      }
    };
  }

  @Override
  public VmmDriver vmm() {
    return new __CLASS__Driver();
  }
}
