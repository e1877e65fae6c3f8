package com.example.cove.kvm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmType;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** RISC-V CoVE: TVMs under a TSM. */
public final class CoveBackend implements Backend {
  /** The backend's id. */
  public static final String ID = "riscv-cove";

  /** KVM_CREATE_VM's argument; the number is the Linux series'. */
  public static final VmType TVM =
      new VmType("KVM_VM_TYPE_RISCV_COVE", 1L << 9, Architecture.RISCV64);

  static final String HUGE_PAGES = ID + ".huge-pages";
  static final String REFUSE_CONVERT = ID + ".refuse-convert";

  /** Creates the backend. */
  public CoveBackend() {}

  @Override
  public BackendInfo info() {
    Map<String, String> settings = new LinkedHashMap<>();
    settings.put(HUGE_PAGES, "give 2 MiB of private memory in one piece; default true");
    settings.put(
        REFUSE_CONVERT, "the n-th conversion of frames that the TSM refuses; default 0 (none)");
    return BackendInfo.builder(ID, Architecture.RISCV64).version("1.0.0").description("RISC-V CoVE: TVMs under a TEE security manager, with a memory tracking table").vmTypes(TVM).settings(SETTINGS).build();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return new CovePlatform(host);
  }
}
