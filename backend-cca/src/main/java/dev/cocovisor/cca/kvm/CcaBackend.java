package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmType;
import dev.cocovisor.cca.rmm.RmiInterposer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Arm CCA: realms under an RMM of specification 1.0. */
public final class CcaBackend implements Backend {
  static final String ID = "cca";

  /** log2 of the tracked memory: 1 TiB. Memory that is never delegated costs nothing. */
  static final String MEMORY_BITS = "cca.memory-bits";

  /** Which call of GRANULE_DELEGATE the monitor refuses, counted from 1; 0 for none. */
  static final String REFUSE_DELEGATE = "cca.refuse-delegate";

  /** Whether the host folds 2 MiB of contiguous pages into a block. */
  static final String HUGE_PAGES = "cca.huge-pages";

  private final RmiInterposer interposer;

  /** Creates the backend. */
  public CcaBackend() {
    this(RmiInterposer.NONE);
  }

  /** Creates a backend whose RMM asks {@code interposer} before each command. */
  public CcaBackend(RmiInterposer interposer) {
    this.interposer = interposer;
  }

  @Override
  public BackendInfo info() {
    Map<String, String> settings = new LinkedHashMap<>();
    settings.put(MEMORY_BITS, "log2 of the memory the RMM tracks, 30 to 42; default 40");
    settings.put(REFUSE_DELEGATE, "the n-th granule delegation that EL3 refuses; default 0 (none)");
    settings.put(HUGE_PAGES, "fold 2 MiB of private memory into block entries; default true");
    return BackendInfo.builder(ID, Architecture.ARM64).version("1.0").description("Arm CCA: realms, with an RMM of specification 1.0").vmTypes(VmType.ARM_REALM).settings(SETTINGS).build();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return new CcaPlatform(host, interposer);
  }
}
