package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.cca.measure.CcaMeasurer;
import dev.cocovisor.cca.rmilog.RmiLogReplayer;
import dev.cocovisor.cca.vmm.CcaVmm;
import java.util.List;

/** Arm CCA: realms under an RMM of specification 1.0 or 2.0. */
public final class CcaBackend implements Backend {
  /** log2 of the tracked memory: 1 TiB. Memory that is never delegated costs nothing. */
  static final Setting MEMORY_BITS =
      Setting.number("cca.memory-bits", "log2 of the memory the RMM tracks", 40, 30, 42);

  static final Setting REFUSE_DELEGATE =
      Setting.number(
          "cca.refuse-delegate",
          "the n-th granule delegation that EL3 refuses; 0 for none",
          0,
          0,
          Long.MAX_VALUE);

  static final String RMM_2_0 = "2.0";

  /** Which version of RMI the platform's RMM speaks. */
  static final Setting RMM =
      Setting.choice("cca.rmm", "the version of the RMM specification", "1.0", "1.0", RMM_2_0);

  static final Setting HUGE_PAGES =
      Setting.flag("cca.huge-pages", "fold 2 MiB of private memory into block entries", true);

  /** Which revision of the series; a {@link RealmSeries}. */
  static final Setting SERIES =
      Setting.choice(
          "cca.series",
          "KVM's half: the series' version 15, or what its authors carried since",
          RealmSeries.V15.setting(),
          RealmSeries.V15.setting(),
          RealmSeries.CARRIED.setting());

  /** Whether a vCPU has to have KVM_ARM_VCPU_PSCI_0_2. */
  static final Setting PSCI =
      Setting.flag(
          "cca.psci-0-2",
          "a vCPU without KVM_ARM_VCPU_PSCI_0_2 is EINVAL at the first run; false: granted",
          false);

  private static final BackendInfo INFO =
      BackendInfo.builder("cca", Architecture.ARM64)
          .version("1.0")
          .description("Arm CCA: realms, with an RMM of specification 1.0 or 2.0")
          .vmTypes(VmType.ARM_REALM)
          .settings(RMM, MEMORY_BITS, REFUSE_DELEGATE, HUGE_PAGES, SERIES, PSCI)
          .build();

  /** Creates the backend. */
  public CcaBackend() {}

  @Override
  public BackendInfo info() {
    return INFO;
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return new CcaPlatform(host);
  }

  @Override
  public VmmDriver vmm() {
    return new CcaVmm();
  }

  @Override
  public List<LaunchMeasurer> measurers() {
    return List.of(new CcaMeasurer());
  }

  @Override
  public List<LogReplayer> replayers() {
    return List.of(new RmiLogReplayer());
  }
}
