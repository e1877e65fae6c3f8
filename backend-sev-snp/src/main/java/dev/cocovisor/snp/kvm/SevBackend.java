package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.Capability;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmType;
import dev.cocovisor.snp.psp.FwInterposer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** AMD SEV, SEV-ES and SEV-SNP; backend id {@code sev-snp}. */
public final class SevBackend implements Backend {
  static final String MAP_MEMORY = "sev-snp.map-memory";
  static final String MIGRATION = "sev-snp.migration";
  static final String HUGE_PAGES = "sev-snp.huge-pages";
  static final String ASIDS = "sev-snp.asids";
  static final String SMT = "sev-snp.smt";
  static final String SMT_REQUIRED = "sev-snp.smt-required";
  static final String OVERLAP_RETRIES = "sev-snp.overlap-retries";

  private final FwInterposer interposer;

  /** Creates the backend. */
  public SevBackend() {
    this(FwInterposer.NONE);
  }

  /** Creates a backend whose firmware asks {@code interposer} before each command. */
  public SevBackend(FwInterposer interposer) {
    this.interposer = interposer;
  }

  @Override
  public BackendInfo info() {
    Map<String, String> settings = new LinkedHashMap<>();
    settings.put(
        "map-memory", "refuse or allow KVM_MAP_MEMORY for SEV guests, as the 2024 series; refuse");
    settings.put(
        "migration",
        "how shared pages are tracked: merged (userspace list), bitmap (2020 series) or cap"
            + " (reviewer's variant); merged");
    settings.put("huge-pages", "largest private page of SNP guests, 4K or 2M; 2M");
    settings.put("asids", "number of ASIDs, shared out as 1 of 4 to SEV-ES and SNP; 1007");
    settings.put("smt", "whether simultaneous multithreading is on, on or off; on");
    settings.put("smt-required", "whether policies must allow SMT, as up to 6.12, on or off; on");
    settings.put(
        "overlap-retries", "RMPUPDATE attempts that overlap before it counts as a livelock; 1000");
    return BackendInfo.builder("sev-snp", Architecture.X86_64).version("1.0").description("AMD SEV, SEV-ES and SEV-SNP: RMP, firmware and KVM's vendor half").vmTypes(VmType.X86_SEV, VmType.X86_SEV_ES, VmType.X86_SNP).capability(Capability.KVM_CAP_VM_COPY_ENC_CONTEXT_FROM.number(), 1).capability(Capability.KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM.number(), 1).settings(SETTINGS).build();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return new SevPlatform(host, interposer);
  }
}
