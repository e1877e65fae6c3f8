package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.trusted.FaultPlan;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.tdx.module.ModuleInvariants;
import dev.cocovisor.tdx.module.ModuleTables;
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
  /** The most memory that the one TDMR covers, which is all that the host has. */
  private static final long MOST_MEMORY = 1L << 44;

  private final TdxModule module;
  private final Seam seam;
  private final FaultPlan faults;
  private final HkidPool hkids;
  private final PagePolicy policy;
  private final BuildPopulation population;
  private final FolioReferences references;
  private final @Nullable DynamicPamt pamt;
  private final int width;
  private final boolean partialWriteErratum;
  private final boolean splitIrqchip;
  private final int maxVcpus;
  private final PhysicalMemory memory;
  private final RegionCheck regionCheck;
  private final List<TdxVm> vms = new ArrayList<>();

  TdxPlatform(HostMachine host) {
    PagePolicy asked = PagePolicy.of(host.setting(TdxSettings.POLICY));
    boolean interruptible = interruptible(host.setting(TdxSettings.DEMOTE), asked);
    PlatformConfig config =
        PlatformConfig.standard(Seam.HOST_PROCESSORS)
            .withDemoteInterruptible(interruptible)
            .withDynamicPamt(host.flag(TdxSettings.DYNAMIC_PAMT));
    faults =
        new FaultPlan(
            trustedCalls(), (call, how) -> failure(call, how, interruptible), host.interposer());
    module =
        new TdxModule(
            config,
            host.memory().raw(),
            List.of(new Pamt(0, tdmrEnd(host.memory().frames()))),
            faults);
    seam = new Seam(module, host.trace());
    // v3 maps no huge page where a split could be interrupted (tdx_huge_page is cleared).
    policy = asked == PagePolicy.V3 && interruptible ? PagePolicy.UPSTREAM : asked;
    population = BuildPopulation.of(host.setting(TdxSettings.POPULATION));
    references =
        FolioReferences.of(
            host.setting(TdxSettings.REFERENCES),
            policy,
            host.kernel().on(TdxKernelRules.PAGE_IS_SOURCE));
    partialWriteErratum = host.flag(TdxSettings.ERRATUM);
    splitIrqchip = host.flag(TdxSettings.SPLIT_IRQCHIP);
    maxVcpus = Integer.parseInt(host.setting(TdxSettings.MAX_VCPUS));
    memory = host.memory().raw();
    pamt = config.dynamicPamt() ? new DynamicPamt(host.memory(), seam) : null;
    regionCheck = host.part(RegionCheck.class, new RegionCheck());
    width = Integer.parseInt(host.setting(TdxSettings.WIDTH));
    hkids = new HkidPool(config.firstPrivateHkid() + 1, (int) host.number(TdxSettings.HKIDS));
  }

  /** The end of memory of so many frames, if it is known; a TDMR is of whole 1 GiB. */
  private static long tdmrEnd(long frames) {
    long gigas = (frames + PageLevel.PG_1G.pages() - 1) / PageLevel.PG_1G.pages();
    long most = MOST_MEMORY >>> 30;
    return (frames < 1 || gigas < 1 || gigas > most ? most : gigas) << 30;
  }

  private static boolean interruptible(String setting, PagePolicy policy) {
    return setting.equals(TdxSettings.AUTO) ? policy != PagePolicy.V3 : setting.equals("yes");
  }

  private static long failure(TrustedCall call, TrustedFault.How how, boolean interruptible) {
    boolean never =
        how == TrustedFault.How.INTERRUPTED && call == SeamCall.MEM_PAGE_DEMOTE && !interruptible;
    return never ? Interposer.PROCEED : SeamFailures.answer(call, how);
  }

  /** Returns how many vCPUs a TD can have. */
  int maxVcpus() {
    return maxVcpus;
  }

  @Override
  public VmOps createVm(VmContext vm, VmType type) {
    TdxVm made = new TdxVm(vm, this);
    vms.add(made);
    return made;
  }

  /** Tells whether a vCPU is refused as long as KVM has no local APIC for it. */
  boolean needsSplitIrqchip() {
    return splitIrqchip;
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
  public void showFrames(TableSink into) {
    ModuleTables.frames(module, into);
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

  RegionCheck regionCheck() {
    return regionCheck;
  }

  /** Returns the PAMT pages KVM gives and takes back; null where the module has all. */
  @Nullable DynamicPamt pamt() {
    return pamt;
  }

  /** Fills the cache of PAMT pages before a fault; see {@link DynamicPamt}. */
  Errno topUpPamt() {
    return pamt == null ? Errno.OK : pamt.topUp();
  }

  /** A page is about to be a TD's (tdx_pamt_get). */
  Errno pamtGet(long pfn) {
    return pamt == null ? Errno.OK : pamt.get(pfn);
  }

  /** A page is no TD's any more (tdx_pamt_put). */
  void pamtPut(long pfn) {
    if (pamt != null) {
      pamt.put(pfn);
    }
  }

  /** A page stays the module's for good, and the PAMT's pair for it too. */
  void pamtLost(VmContext vm, long pfn) {
    if (pamt != null) {
      pamt.lost(pfn, p -> vm.leak(p, 1, "the PAMT's, for a page that is lost"));
    }
  }

  FolioReferences references() {
    return references;
  }

  BuildPopulation population() {
    return population;
  }

  /** Returns an address as a call takes it that has to know the key a page was used with. */
  long withKey(long hpa, int hkid) {
    return hpa | (long) hkid << module.config().keyShift();
  }

  /** Returns the key the module uses for its own pages. */
  int globalHkid() {
    return module.config().firstPrivateHkid();
  }

  /**
   * Clears frames that came back from a TD with MOVDIR64B, where the processor needs it: a partial
   * write to a line of the TD's key would be a machine check (X86_BUG_TDX_PW_MCE). Elsewhere the
   * host finds what the key made of them. Source: Linux 7.3, {@code arch/x86/virt/vmx/tdx/tdx.c},
   * tdx_quirk_reset_paddr.
   */
  void clear(long pfn, long count) {
    if (partialWriteErratum) {
      memory.zero(pfn, count);
    }
  }

  int width() {
    return width;
  }

  void gone(TdxVm vm) {
    vms.remove(vm);
    if (vms.isEmpty() && pamt != null) {
      pamt.drop();
    }
  }
}
