package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.trusted.FaultPlan;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.tdx.module.ModuleInvariants;
import dev.cocovisor.tdx.module.SeamFailures;
import dev.cocovisor.tdx.module.TdxModule;
import dev.cocovisor.tdx.module.abi.PlatformConfig;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.pamt.Pamt;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One host's TDX: the module, the HKIDs KVM hands out, and the settings of new VMs. */
public final class TdxPlatform implements Platform {
  /** One TDMR over all frames a host can have; it costs only where it is used. */
  private static final long TDMR_END = 1L << 44;

  private final TdxModule module;
  private final Seam seam;
  private final FaultPlan faults;
  private final HkidPool hkids;
  private final PagePolicy policy;
  private final BuildPopulation population;
  private final int width;
  private final List<TdxVm> vms = new ArrayList<>();

  TdxPlatform(HostMachine host) {
    PlatformConfig config = PlatformConfig.standard(Seam.HOST_PROCESSORS);
    faults = new FaultPlan(trustedCalls(), SeamFailures::answer, host.interposer());
    module = new TdxModule(config, host.memory().raw(), List.of(new Pamt(0, TDMR_END)), faults);
    seam = new Seam(module, host.trace());
    policy = PagePolicy.of(host.setting(TdxSettings.POLICY));
    population = BuildPopulation.of(host.setting(TdxSettings.POPULATION));
    width = Integer.parseInt(host.setting(TdxSettings.WIDTH));
    hkids = new HkidPool(config.firstPrivateHkid() + 1, (int) host.number(TdxSettings.HKIDS));
  }

  @Override
  public VmOps createVm(VmContext vm, VmType type) {
    TdxVm made = new TdxVm(vm, this);
    vms.add(made);
    return made;
  }

  @Override
  public PhysicalGuard guard() {
    return module.guard();
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    for (TdxVm vm : vms) {
      if (vm.tdr() != 0) {
        ModuleInvariants.check(module, vm.tdr(), violation);
      }
    }
  }

  @Override
  public @Nullable String ownerOf(long pfn) {
    return module.ownerOf(pfn);
  }

  @Override
  public List<SeamCall> trustedCalls() {
    return List.of(SeamCall.values());
  }

  @Override
  public Errno plan(TrustedFault fault) {
    return faults.plan(fault);
  }

  /** Returns the module. */
  public TdxModule module() {
    return module;
  }

  /** Returns how often each SEAMCALL was made. */
  public Seam seam() {
    return seam;
  }

  HkidPool hkids() {
    return hkids;
  }

  PagePolicy policy() {
    return policy;
  }

  BuildPopulation population() {
    return population;
  }

  int width() {
    return width;
  }

  void gone(TdxVm vm) {
    vms.remove(vm);
  }
}
