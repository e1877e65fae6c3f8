package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmType;
import dev.cocovisor.tdx.module.SeamInterposer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Intel TDX: module 1.5.01 below, KVM's vendor half above. */
public final class TdxBackend implements Backend {
  static final String ID = "tdx";
  static final String POLICY = "tdx.page-size-policy";
  static final String WIDTH = "tdx.guest-pa-width";
  static final String POPULATION = "tdx.population";
  static final String HKIDS = "tdx.hkids";

  private final SeamInterposer interposer;

  /** Creates the backend. */
  public TdxBackend() {
    this(SeamInterposer.NONE);
  }

  /** Creates a backend whose modules ask {@code interposer} before each SEAMCALL. */
  public TdxBackend(SeamInterposer interposer) {
    this.interposer = interposer;
  }

  @Override
  public BackendInfo info() {
    Map<String, String> settings = new LinkedHashMap<>();
    settings.put(POLICY, "page sizes of private memory: upstream, rfc-v1 or v3; default upstream");
    settings.put(
        POPULATION,
        "what maps pages at build time: init-mem-region, or map-memory as the series of 2024;"
            + " default init-mem-region");
    settings.put(WIDTH, "guest-physical address bits: 48 or 52; default 48");
    settings.put(HKIDS, "private HKIDs that TDs can have, 1 to 47; default 47");
    return BackendInfo.builder(ID, Architecture.X86_64).version("0.1.0").description("Intel TDX (module 1.5.01, KVM with or without huge pages)").vmTypes(VmType.X86_TDX).settings(SETTINGS).build();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return new TdxPlatform(host, interposer);
  }
}
