package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.ops.CpuState;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.uapi.MemoryMapping;
import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.tdx.module.ModuleTables;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.td.Td;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One TD as KVM sees it (struct kvm_tdx): its state and the table of hooks.
 *
 * <p>The work is done by {@link TdCommands} (commands), {@link SeptHooks} (mirror to Secure EPT),
 * {@link GuestRun} (running the guest) and {@link Teardown}. Source: {@code arch/x86/kvm/vmx/tdx.c}
 * and {@code main.c}.
 */
public final class TdxVm implements VmOps {
  /** States of a TD, enum kvm_tdx_state. */
  enum State {
    UNINITIALIZED,
    INITIALIZED,
    RUNNABLE
  }

  /** No page is being added; the page of zeros is a source like any other, at address 0. */
  static final long NO_SOURCE = -1;

  private static final int BUS_LOCK_OFF_OR_EXIT = 3;

  private final VmContext vm;
  private final TdxPlatform platform;
  private final TdCommands commands;
  private final SeptHooks hooks;
  private final GuestRun guest;
  private final Teardown teardown;
  private final InhibitedRanges inhibited = new InhibitedRanges();
  private final Premapped premapped = new Premapped();

  /**
   * Shared by a vCPU from before it enters the guest until it left; who wants all vCPUs out, and
   * none to come back meanwhile, has it alone (KVM_REQ_OUTSIDE_GUEST_MODE and wait_for_sept_zap).
   */
  private final ModelLock guestMode = ModelLock.manyReaders("wait_for_sept_zap");

  volatile State state = State.UNINITIALIZED;
  int hkid = -1;

  /** The TDR page in bytes; 0 while there is none. */
  long tdr;

  final long[] tdcx = new long[6];
  int tdcxCount;

  /** Where the next PAGE.ADD copies from, in bytes (page_add_src); {@link #NO_SOURCE} for none. */
  long pageAddSource = NO_SOURCE;

  TdxVm(VmContext vm, TdxPlatform platform) {
    this.vm = vm;
    this.platform = platform;
    commands = new TdCommands(this);
    hooks = new SeptHooks(this);
    guest = new GuestRun(this);
    teardown = new Teardown(this);
  }

  VmContext vm() {
    return vm;
  }

  TdxPlatform platform() {
    return platform;
  }

  // Saying no.

  /** Says why an error is answered, and returns it. */
  Errno refuse(Errno error, String why) {
    return vm.host().trace().refuse(error, why);
  }

  /** As {@link #refuse(Errno, String)}; the reason is put into words only if somebody listens. */
  Errno refuse(Errno error, Supplier<String> why) {
    return vm.host().trace().refuse(error, why);
  }

  /** As {@link #refuse}, for an ioctl: the negative number. */
  long no(Errno error, String why) {
    return failed(refuse(error, why));
  }

  /** Returns the negative number of an error whose reason was told. */
  static long failed(Errno error) {
    return -error.number();
  }

  /** KVM_BUG_ON: the VM is dead from here on. */
  Errno bug(String why) {
    vm.bug(why);
    return refuse(Errno.EIO, why);
  }

  /** TDX_BUG_ON: a status of a call that cannot fail makes the VM dead. Tells whether it did. */
  boolean bugOn(long status, SeamCall call) {
    if (status == SeamStatus.SUCCESS.code()) {
      return false;
    }
    bug(call.callName() + ": " + SeamStatus.describe(status));
    return true;
  }

  // What the TD consists of.

  Teardown teardown() {
    return teardown;
  }

  /** Returns TD_PARAMS.MAX_VCPUS: the processors of the machine, a setting of its own. */
  int maxVcpus() {
    return platform.maxVcpus();
  }

  Seam seam() {
    return platform.seam();
  }

  PagePolicy policy() {
    return platform.policy();
  }

  InhibitedRanges inhibited() {
    return inhibited;
  }

  ModelLock guestMode() {
    return guestMode;
  }

  /** A small page became the TD's. */
  Errno referred(long pfn) {
    return hooks.referred(pfn, PageLevel.PG_4K);
  }

  /** Tells whether pages are mapped by KVM_MAP_MEMORY before they are added. */
  boolean mapsFirst() {
    return platform.population() == BuildPopulation.MAP_MEMORY;
  }

  Premapped premapped() {
    return premapped;
  }

  GuestRun guest() {
    return guest;
  }

  boolean runnable() {
    return state == State.RUNNABLE;
  }

  boolean hasHkid() {
    return hkid >= 0;
  }

  /** Returns the TDR page, the TD's handle, or 0. */
  public long tdr() {
    return tdr;
  }

  /** Returns the TD in the module, or null before KVM_TDX_INIT_VM. */
  public @Nullable Td td() {
    return tdr == 0 ? null : platform.module().td(tdr);
  }

  /** Returns the gfn bit that says shared. */
  long sharedGfnMask() {
    return (platform.width() == 52 ? 1L << 51 : 1L << 47) >>> PageLevel.PAGE_SHIFT;
  }

  int rootLevel() {
    return platform.width() == 52 ? 5 : 4;
  }

  static TdxVcpu vcpu(VcpuContext vcpu) {
    if (vcpu.vendorState() instanceof TdxVcpu v) {
      return v;
    }
    throw new IllegalStateException("vCPU " + vcpu.id() + " was not created for a TD");
  }

  // ---- life cycle

  @Override
  public void vmPreDestroy() {
    teardown.releaseHkid();
  }

  @Override
  public void vmDestroy() {
    teardown.freeTd();
    platform.gone(this);
  }

  /** Source: Linux 7.3, tdx_has_emulated_msr, which knows no MSR_IA32_SMBASE. */
  @Override
  public boolean emulatesSmm() {
    return false;
  }

  /** Source: Linux 7.3, tdx_vm_init (has_protected_eoi). */
  @Override
  public boolean hidesEois() {
    return true;
  }

  /** All of it, from KVM_CREATE_VCPU on. Source: Linux 7.3, tdx_vcpu_create. */
  @Override
  public boolean hides(VcpuContext vcpu, CpuState state) {
    return true;
  }

  /** Source: Linux 7.3, tdx_vm_init (max_vcpus), where it is the machine's processors. */
  @Override
  public int maxVcpus(int most) {
    return Math.min(most, maxVcpus());
  }

  /**
   * A processor with TDX 1.5 tells of bus locks, and of guests that let no event in, and scales the
   * time stamp counter.
   */
  @Override
  public int processorOffers(int cap) {
    return switch (Capability.of(cap)) {
      case KVM_CAP_X86_BUS_LOCK_EXIT -> BUS_LOCK_OFF_OR_EXIT;
      case KVM_CAP_X86_NOTIFY_VMEXIT, KVM_CAP_TSC_CONTROL, KVM_CAP_VM_TSC_CONTROL -> 1;
      case null, default -> 0;
    };
  }

  @Override
  public Errno vcpuCreate(VcpuContext vcpu) {
    if (state != State.INITIALIZED) {
      return refuse(Errno.EIO, runnable() ? "the TD is finalized" : "the TD is not initialized");
    }
    if (platform.needsSplitIrqchip() && !vm.lapicInKernel()) {
      return refuse(Errno.EINVAL, "KVM_CAP_SPLIT_IRQCHIP comes before the first vCPU");
    }
    vcpu.setVendorState(new TdxVcpu());
    return Errno.OK;
  }

  @Override
  public void vcpuFree(VcpuContext vcpu) {
    if (vcpu.vendorState() instanceof TdxVcpu v) {
      teardown.freeVcpu(v);
    }
  }

  /**
   * Where KVM has the local APICs, vCPUs but the first wait for an INIT that never comes until
   * KVM_TDX_INIT_VCPU makes them runnable. Source: Linux 7.3, tdx_vcpu_needs_initialization; x86.c,
   * kvm_arch_vcpu_ioctl_run, kvm_x86_vcpu_pre_run.
   */
  @Override
  public Errno vcpuPreRun(VcpuContext vcpu) {
    TdxVcpu v = vcpu(vcpu);
    v.fruitless = 0;
    if (!v.initialized && vcpu.id() != 0 && vm.lapicInKernel()) {
      vcpu.setExit(new Exit.Interrupted());
      return refuse(Errno.EINTR, "the vCPU waits for an INIT: KVM_TDX_INIT_VCPU comes first");
    }
    if (!v.initialized) {
      return refuse(Errno.EINVAL, "the vCPU is not initialized");
    }
    return runnable() ? Errno.OK : refuse(Errno.EINVAL, "the TD is not finalized");
  }

  @Override
  public long memEncIoctl(VendorCommand command) {
    return commands.vmCommand(command);
  }

  @Override
  public long vcpuMemEncIoctl(VcpuContext vcpu, VendorCommand command) {
    return commands.vcpuCommand(vcpu, command);
  }

  /** KVM_SET_CPUID2 says whether the vCPU has X2APIC; the core does the rest. */
  @Override
  public long vcpuIoctl(VcpuContext vcpu, VendorCommand command) {
    if (command.name().equals("KVM_SET_CPUID2")) {
      vcpu(vcpu).x2apic = TdCpuid.hasX2apic(command.in());
    }
    return -Errno.ENOTTY.number();
  }

  // ---- mapping

  @Override
  public VmTraits traits() {
    PageLevel max = policy() == PagePolicy.UPSTREAM ? PageLevel.PG_4K : PageLevel.PG_2M;
    return VmTraits.of(StageShape.MIRRORED)
        .withPrivateMemory(true)
        .withPrivateRule(PrivateRule.SHARED_BIT)
        .withSharedGfnMask(sharedGfnMask())
        .withMaxPrivateLevel(max)
        .withDirtyLogging(true)
        .withProtectedState(true);
  }

  @Override
  public Errno preMmuMapPage(VcpuContext vcpu, MemoryMapping mapping, boolean isPrivate) {
    return preFaultAllowed() ? Errno.OK : Errno.EOPNOTSUPP;
  }

  /** Before the TD runs, only where population begins with it; see {@link BuildPopulation}. */
  @Override
  public boolean preFaultAllowed() {
    return runnable() || (mapsFirst() && state == State.INITIALIZED);
  }

  /**
   * Private pages are small while the TD is built; then the policy says. Sources: tdx.c,
   * tdx_gmem_max_mapping_level; "KVM: TDX huge page support for private memory" of 2025-04-24,
   * patches 9, 11, 12, and of 2026-01-06.
   */
  @Override
  public @Nullable PageLevel privateMaxMappingLevel(
      @Nullable VcpuContext vcpu, long pfn, long gfn, boolean prefetch) {
    if (policy() == PagePolicy.UPSTREAM || !runnable()) {
      return PageLevel.PG_4K;
    }
    if (policy() == PagePolicy.V3) {
      return inhibited.contains(gfn) ? PageLevel.PG_4K : PageLevel.PG_2M;
    }
    TdxVcpu v = vcpu == null ? null : vcpu(vcpu);
    if (v == null || (prefetch && !v.inViolation)) {
      // What is mapped large already stays so.
      return vm.mappedLevel(gfn, true) == PageLevel.PG_2M ? PageLevel.PG_2M : PageLevel.PG_4K;
    }
    return hint(v, gfn) == PageLevel.PG_4K ? PageLevel.PG_4K : PageLevel.PG_2M;
  }

  @Override
  public @Nullable PageLevel gmemMaxMappingLevel(long pfn, int order, boolean isPrivate) {
    if (!isPrivate) {
      return null;
    }
    return policy() == PagePolicy.UPSTREAM || !runnable() ? PageLevel.PG_4K : PageLevel.PG_2M;
  }

  @Override
  public @Nullable PageLevel faultLevelHint(VcpuContext vcpu, long gfn) {
    return policy() == PagePolicy.RFC_V1 ? hint(vcpu(vcpu), gfn) : null;
  }

  private static @Nullable PageLevel hint(TdxVcpu v, long gfn) {
    PageLevel hint = v.hintLevel;
    return hint != null && hint.alignDown(gfn) == hint.alignDown(v.hintGfn) ? hint : null;
  }

  @Override
  public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    return isPrivate ? guest.walk(vcpu, gpa, access) : WALK_CORE;
  }

  @Override
  public AccessOutcome preFault(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    return isPrivate ? AccessOutcome.FAULT : guest.shared(vcpu, gpa, access);
  }

  @Override
  public @Nullable RunResult hypercall(VcpuContext vcpu, long nr, long[] args) {
    return guest.hypercall(vcpu, nr, args);
  }

  @Override
  public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
    return guest.action(vcpu, action);
  }

  @Override
  public @Nullable RunResult resume(VcpuContext vcpu, long ret) {
    return guest.resume(vcpu, ret);
  }

  // ---- external table

  @Override
  public Errno linkExternalSpt(long gfn, PageLevel level, long sptPfn) {
    return hooks.link(gfn, level, sptPfn);
  }

  @Override
  public Errno setExternalSpte(long gfn, PageLevel level, long pfn) {
    return hooks.set(gfn, level, pfn);
  }

  @Override
  public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
    return hooks.remove(gfn, level, pfn);
  }

  @Override
  public Errno splitExternalSpt(long gfn, PageLevel level, long pfn, long sptPfn, boolean shared) {
    return hooks.split(gfn, level, pfn, sptPfn, shared);
  }

  @Override
  public Errno freeExternalSpt(long gfn, PageLevel level, long sptPfn) {
    return hooks.free(sptPfn);
  }

  @Override
  public long externalPfn(long gfn, PageLevel level) {
    long premappedPfn = level == PageLevel.PG_4K ? premapped.pfn(gfn) : Premapped.NONE;
    return premappedPfn != Premapped.NONE ? premappedPfn : hooks.mapped(gfn, level);
  }

  @Override
  public void showTables(TableSink into) {
    ModuleTables.guest(platform.module(), tdr(), into);
  }
}
