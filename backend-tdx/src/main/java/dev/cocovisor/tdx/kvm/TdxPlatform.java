package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.tdx.module.ModuleInvariants;
import dev.cocovisor.tdx.module.Pamt;
import dev.cocovisor.tdx.module.PlatformConfig;
import dev.cocovisor.tdx.module.SeamCall;
import dev.cocovisor.tdx.module.SeamInterposer;
import dev.cocovisor.tdx.module.SeamStatus;
import dev.cocovisor.tdx.module.TdxModule;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One host's TDX: the module, the HKIDs KVM hands out, and the settings of new VMs. */
public final class TdxPlatform implements Platform {
  /** One TDMR over all frames a host can have; it costs only where it is used. */
  private static final long TDMR_END = 1L << 44;

  private final HostMachine host;
  private final TdxModule module;
  private final Seam seam;
  private final HkidPool hkids;
  private final PagePolicy policy;
  private final BuildPopulation population;
  private final int width;
  private final List<TdxVm> vms = new ArrayList<>();

  TdxPlatform(HostMachine host, SeamInterposer interposer) {
    this.host = host;
    PlatformConfig config = PlatformConfig.standard(Seam.HOST_PROCESSORS);
    module = new TdxModule(config, host.memory().raw(), List.of(new Pamt(0, TDMR_END)), interposer);
    seam = new Seam(module, host.trace());
    policy = PagePolicy.of(host.setting(TdxBackend.POLICY, PagePolicy.UPSTREAM.setting()));
    population =
        BuildPopulation.of(
            host.setting(TdxBackend.POPULATION, BuildPopulation.INIT_MEM_REGION.setting()));
    width = number(TdxBackend.WIDTH, "48");
    if (width != 48 && width != 52) {
      throw new IllegalArgumentException(TdxBackend.WIDTH + " '" + width + "': 48 or 52");
    }
    int first = config.firstPrivateHkid() + 1;
    int count = number(TdxBackend.HKIDS, "" + (config.lastPrivateHkid() - first + 1));
    if (count < 1 || first + count - 1 > config.lastPrivateHkid()) {
      throw new IllegalArgumentException(TdxBackend.HKIDS + " '" + count + "': 1 to 47");
    }
    hkids = new HkidPool(first, count);
  }

  private int number(String key, String otherwise) {
    String text = host.setting(key, otherwise);
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(key + " '" + text + "': a number expected", e);
    }
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

  /** The module answers OPERAND_BUSY and INTERRUPTED_RESTARTABLE; both pass. */
  @Override
  public Errno plan(TrustedFault fault) {
    SeamCall leaf =
        switch (fault.at()) {
          case LINK -> SeamCall.MEM_SEPT_ADD;
          case MAP -> SeamCall.MEM_PAGE_AUG;
          case UNMAP -> SeamCall.MEM_PAGE_REMOVE;
          case SPLIT -> SeamCall.MEM_PAGE_DEMOTE;
        };
    if (fault.how() == TrustedFault.How.INTERRUPTED && fault.at() != TrustedFault.Operation.SPLIT) {
      return Errno.EOPNOTSUPP;
    }
    long status =
        fault.how() == TrustedFault.How.BUSY
            ? SeamStatus.OPERAND_BUSY.code()
            : SeamStatus.INTERRUPTED_RESTARTABLE.code();
    seam.plan(leaf, status, fault.times());
    return Errno.OK;
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
