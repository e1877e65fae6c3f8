package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.Capability;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.kernel.KernelRule;
import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.snp.measure.IgvmSnpMeasurer;
import dev.cocovisor.snp.measure.SnpMeasurer;
import dev.cocovisor.snp.vmm.SnpVmm;
import java.util.List;

/** AMD SEV, SEV-ES and SEV-SNP; backend id {@code sev-snp}. */
public final class SevBackend implements Backend {
  static final Setting MAP_MEMORY =
      Setting.choice(
          "sev-snp.map-memory",
          "KVM_MAP_MEMORY for SEV guests, as the 2024 series",
          "refuse",
          "refuse",
          "allow");
  static final Setting MIGRATION =
      Setting.choice(
          "sev-snp.migration",
          "how shared pages are tracked: merged (userspace list), bitmap (2020 series) or cap"
              + " (reviewer's variant)",
          "merged",
          "merged",
          "bitmap",
          "cap");
  static final Setting HUGE_PAGES =
      Setting.choice("sev-snp.huge-pages", "largest private page of SNP guests", "2M", "2M", "4K");
  static final Setting ASIDS =
      Setting.number(
          "sev-snp.asids",
          "number of ASIDs, shared out as 1 of 4 to SEV-ES and SNP",
          1007,
          4,
          32768);
  static final Setting SMT =
      Setting.flag("sev-snp.smt", "whether simultaneous multithreading is on", true);
  static final Setting SECURE_TSC =
      Setting.flag(
          "sev-snp.secure-tsc", "whether the processor offers SNP guests a secure TSC", false);
  static final Setting OVERLAP_RETRIES =
      Setting.number(
          "sev-snp.overlap-retries",
          "RMPUPDATE attempts that overlap before it counts as a livelock",
          1000,
          1,
          Integer.MAX_VALUE);

  /** Creates the backend. */
  public SevBackend() {}

  @Override
  public BackendInfo info() {
    return BackendInfo.builder("sev-snp", Architecture.X86_64)
        .version("1.0")
        .description("AMD SEV, SEV-ES and SEV-SNP: RMP, firmware and KVM's vendor half")
        .vmTypes(VmType.X86_SEV, VmType.X86_SEV_ES, VmType.X86_SNP)
        .capability(Capability.KVM_CAP_VM_COPY_ENC_CONTEXT_FROM.number(), 1)
        .capability(Capability.KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM.number(), 1)
        .settings(MAP_MEMORY, MIGRATION, HUGE_PAGES, ASIDS, SMT, SECURE_TSC, OVERLAP_RETRIES)
        .build();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return new SevPlatform(host);
  }

  @Override
  public VmmDriver vmm() {
    return new SnpVmm();
  }

  @Override
  public List<LaunchMeasurer> measurers() {
    return List.of(new SnpMeasurer(), new IgvmSnpMeasurer());
  }

  @Override
  public List<String> deviceFiles() {
    return List.of(FirmwareFile.PATH);
  }

  /**
   * Source: {@code arch/x86/kvm/svm/sev.c}, sev_guest_init (7.3): KVM_SEV_INIT, KVM_SEV_ES_INIT.
   */
  @Override
  public boolean adoptsDefaultVms() {
    return true;
  }

  @Override
  public List<KernelRule<?>> kernelRules() {
    return SevKernelRules.ALL;
  }
}
