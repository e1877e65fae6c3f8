package com.example.cove.kvm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.vmm.VmmDriver;

/** RISC-V CoVE: TVMs under a TSM. */
public final class CoveBackend implements Backend {
  /** The backend's id. */
  public static final String ID = "riscv-cove";

  /** KVM_CREATE_VM's argument; the number is the Linux series'. */
  public static final VmType TVM =
      new VmType("KVM_VM_TYPE_RISCV_COVE", 1L << 9, Architecture.RISCV64);

  static final Setting HUGE_PAGES =
      Setting.flag("riscv-cove.huge-pages", "give 2 MiB of private memory in one piece", true);

  static final Setting REFUSE_CONVERT =
      Setting.number(
          "riscv-cove.refuse-convert",
          "the n-th conversion of frames that the TSM refuses; 0 for none",
          0,
          0,
          Long.MAX_VALUE);

  private static final BackendInfo INFO =
      BackendInfo.builder(ID, Architecture.RISCV64)
          .version("1.0.0")
          .description(
              "RISC-V CoVE: TVMs under a TEE security manager, with a memory tracking table")
          .vmTypes(TVM)
          .settings(HUGE_PAGES, REFUSE_CONVERT)
          .build();

  /** Creates the backend. */
  public CoveBackend() {}

  @Override
  public BackendInfo info() {
    return INFO;
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return new CovePlatform(host);
  }

  @Override
  public VmmDriver vmm() {
    return new CoveVmm();
  }
}
