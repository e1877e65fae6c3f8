package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.kernel.KernelRule;
import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.tdx.measure.IgvmTdxMeasurer;
import dev.cocovisor.tdx.measure.RtmrMeasurer;
import dev.cocovisor.tdx.measure.TdxMeasurer;
import dev.cocovisor.tdx.seamlog.SeamLogReplayer;
import dev.cocovisor.tdx.vmm.TdxVmm;
import java.util.List;

/** Intel TDX: module 1.5.01 below, KVM's vendor half above. */
public final class TdxBackend implements Backend {
  /** Creates the backend; it has no state. */
  public TdxBackend() {}

  @Override
  public BackendInfo info() {
    return BackendInfo.builder("tdx", Architecture.X86_64)
        .version("0.1.0")
        .description("Intel TDX (module 1.5.01, KVM with or without huge pages)")
        .vmTypes(VmType.X86_TDX)
        .settings(TdxSettings.ALL)
        .build();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return new TdxPlatform(host);
  }

  @Override
  public VmmDriver vmm() {
    return new TdxVmm();
  }

  @Override
  public List<LaunchMeasurer> measurers() {
    return List.of(new TdxMeasurer(), new IgvmTdxMeasurer(), new RtmrMeasurer());
  }

  @Override
  public List<LogReplayer> replayers() {
    return List.of(new SeamLogReplayer());
  }

  @Override
  public List<KernelRule<?>> kernelRules() {
    return TdxKernelRules.ALL;
  }
}
