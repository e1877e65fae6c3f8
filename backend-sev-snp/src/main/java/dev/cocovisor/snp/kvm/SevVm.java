package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.ops.CpuState;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.uapi.MemoryMapping;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The vendor half of one SEV, SEV-ES or SNP VM: a table that leads each hook to the class that
 * knows it.
 *
 * <p>State is {@link SevInfo} under the kvm lock and {@link SevVcpu} under the vCPU mutex. Source:
 * {@code arch/x86/kvm/svm/sev.c}.
 */
public final class SevVm implements VmOps {
  private final SevPlatform platform;
  private final VmContext vm;
  private final VmType type;
  private final SevInfo info = new SevInfo();
  private final SevDispatch commands;
  private final SnpMemory memory;
  private final SaveAreas saveAreas;
  private final VmEntry entry;
  private final ApCreation aps;
  private final SnpFaults faults;
  private final SnpGuestActions actions;
  private final EncRegions regions;
  private final EncContext context;
  private final EncBitmap bitmap;
  private final VcpuState vcpuState;

  SevVm(SevPlatform platform, VmContext vm, VmType type) {
    this.platform = platform;
    this.vm = vm;
    this.type = type;
    info.needInit = hidden() || type.equals(VmType.X86_SEV);
    this.memory = new SnpMemory(this);
    this.saveAreas = new SaveAreas(this);
    this.entry = new VmEntry(this, saveAreas);
    this.aps = new ApCreation(this, saveAreas);
    this.faults = new SnpFaults(this, entry);
    this.commands = new SevDispatch(this);
    this.actions = new SnpGuestActions(this, faults, entry, aps);
    this.regions = new EncRegions(this);
    this.context = new EncContext(this);
    this.bitmap = new EncBitmap(this);
    this.vcpuState = new VcpuState(this);
  }

  SevPlatform platform() {
    return platform;
  }

  VmContext context() {
    return vm;
  }

  VmType type() {
    return type;
  }

  SevInfo info() {
    return info;
  }

  boolean isSnp() {
    return info.snp();
  }

  SevVcpu stateOf(VcpuContext vcpu) {
    if (vcpu.vendorState() instanceof SevVcpu s) {
      return s;
    }
    throw new IllegalStateException("vCPU " + vcpu.id() + " is not this backend's");
  }

  /** Tells whether the firmware's file that the VM was started with is open. */
  boolean hasFirmwareFile() {
    return FirmwareFile.isOpen(vm, info.firmwareFd);
  }

  /** Tells why something is refused, and returns the error. */
  Errno refuse(Errno error, String why) {
    return platform.machine().trace().refuse(error, why);
  }

  /** As {@link #refuse(Errno, String)}; the text is built only where somebody listens. */
  Errno refuse(Errno error, Supplier<String> why) {
    return platform.machine().trace().refuse(error, why);
  }

  /** Tells why a guest's request was not carried out. */
  void refused(String status, String why) {
    platform.machine().trace().refused(status, () -> why);
  }

  /** As {@link #refuse(Errno, String)}, for what answers like a system call. */
  long fail(Errno error, String why) {
    return -refuse(error, why).number();
  }

  /** Returns the VM's ASID, 0 before it has one. */
  public int asid() {
    return info.asid;
  }

  /** Returns the physical address of the guest context page, or -1. */
  public long guestContext() {
    return info.gctx < 0 ? -1 : info.gctx << PAGE_SHIFT;
  }

  /** Returns how shared pages are tracked for migration. */
  public EncBitmap migration() {
    return bitmap;
  }

  @Override
  public VmTraits traits() {
    boolean snp = type.equals(VmType.X86_SNP);
    return VmTraits.of(StageShape.DIRECT)
        .withPrivateMemory(snp)
        .withPrivateRule(snp ? PrivateRule.ENCRYPTION_BIT : PrivateRule.NEVER)
        .withMaxPrivateLevel(
            !snp
                ? PageLevel.PG_1G
                : platform.settings().hugePages() ? PageLevel.PG_2M : PageLevel.PG_4K)
        .withReadonlySlots(!hidden())
        .withDirtyLogging(true)
        .withProtectedState(hidden());
  }

  /** Tells whether the type says that KVM will not see the guest's registers. */
  private boolean hidden() {
    return type.equals(VmType.X86_SNP) || type.equals(VmType.X86_SEV_ES);
  }

  /** Source: svm.c, svm_has_emulated_msr (7.3), which asks what INIT2 made of the VM. */
  @Override
  public boolean emulatesSmm() {
    return !info.esActive;
  }

  /** Source of the counter: sev.c, sev_vcpu_create (guest_tsc_protected; 7.3). */
  @Override
  public boolean hides(VcpuContext vcpu, CpuState state) {
    return switch (state) {
      case REGISTERS -> stateOf(vcpu).protectedState;
      case FPU -> stateOf(vcpu).fpuHidden;
      case APIC -> false;
      case TSC -> info.snp() && (info.vmsaFeatures & SevInfo.SECURE_TSC) != 0;
    };
  }

  /** Source: svm.c, svm_check_emulate_instruction (7.3). */
  @Override
  public boolean emulates(VcpuContext vcpu, long gpa, Access access) {
    return !info.esActive || faults.leftToGuest(vcpu);
  }

  @Override
  public long vcpuIoctl(VcpuContext vcpu, VendorCommand command) {
    return vcpuState.ioctl(stateOf(vcpu), command);
  }

  @Override
  public Errno vcpuCreate(VcpuContext vcpu) {
    SevVcpu s = new SevVcpu();
    s.early = !info.finished;
    s.vmcb = platform.host().allocateSafe();
    if (s.vmcb == HostMemory.NO_FRAME) {
      return Errno.ENOMEM;
    }
    if (hidden() || info.esActive) {
      s.vmsa = platform.host().allocateSafe();
      if (s.vmsa == HostMemory.NO_FRAME) {
        platform.host().memory().free(s.vmcb, 0);
        return Errno.ENOMEM;
      }
      s.vmsaInUse = s.vmsa;
    }
    vcpu.setVendorState(s);
    return Errno.OK;
  }

  @Override
  public Errno vcpuPreRun(VcpuContext vcpu) {
    return aps.beforeRun(vcpu);
  }

  @Override
  public void vcpuFree(VcpuContext vcpu) {
    if (vcpu.vendorState() instanceof SevVcpu s && s.vmcb >= 0) {
      // Source: sev.c, sev_free_vcpu: a VMSA that cannot be made shared is not freed.
      if (s.vmsa >= 0 && (!isSnp() || platform.host().makeSharedOrLeak(vm, s.vmsa, false).ok())) {
        platform.host().memory().free(s.vmsa, 0);
      }
      platform.host().memory().free(s.vmcb, 0);
      s.vmsa = s.vmcb = s.vmsaInUse = SevVcpu.NONE;
    }
  }

  @Override
  public void vmDestroy() {
    if (!info.active) {
      return;
    }
    SevVm owner = info.owner;
    if (owner != null) {
      owner.info.mirrors.remove(this);
      info.active = false;
      if (owner.info.orphaned && owner.info.mirrors.isEmpty()) {
        owner.endContext();
      }
      return;
    }
    // A mirror holds a reference to its owner, so the context lives as long as one of them.
    info.orphaned = !info.mirrors.isEmpty();
    if (!info.orphaned) {
      endContext();
    }
  }

  private void endContext() {
    regions.dropAll();
    if (isSnp()) {
      platform.bindSnp(info.asid, false);
      platform.host().freeFirmwarePage(vm, info.responsePage);
      info.responsePage = -1;
      if (!decommission()) {
        return;
      }
    } else if (info.handle != 0) {
      platform.legacyFirmware().deactivate(info.handle);
      platform.legacyFirmware().decommission(info.handle);
    }
    platform.asids().give(info.asid);
    info.active = false;
  }

  /**
   * Ends the guest context; if that fails it and the ASID are leaked (snp_decommission_context).
   */
  boolean decommission() {
    if (info.gctx < 0) {
      return true;
    }
    if (!platform.firmware().decommission(info.gctx << PAGE_SHIFT).ok()) {
      platform.host().leak(vm, info.gctx, 1, "SNP_DECOMMISSION failed, ASID " + info.asid);
      return false;
    }
    platform.host().freeFirmwarePage(vm, info.gctx);
    info.gctx = -1;
    return true;
  }

  @Override
  public Errno enableCap(int cap, long flags, long arg0) {
    return bitmap.enableCap(cap, flags, arg0);
  }

  @Override
  public void commitMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    bitmap.slotsChanged(now);
  }

  @Override
  public long vmIoctl(VendorCommand command) {
    return bitmap.ioctl(command);
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    for (VcpuContext v : vm.vcpus()) {
      if (info.finished && v.vendorState() instanceof SevVcpu s && s.early && !s.protectedState) {
        violation.accept(
            "vCPU " + v.id() + " was there when the launch ended, and is not measured");
      }
    }
    if (info.active && info.snp() && info.gctx >= 0) {
      long pages = platform.rmp().pagesOf(info.asid);
      if (pages < 0) {
        violation.accept("ASID " + info.asid + " owns " + pages + " pages");
      }
    }
  }

  @Override
  public long memEncIoctl(VendorCommand command) {
    return commands.run(command);
  }

  @Override
  public Errno memEncRegisterRegion(long addr, long size) {
    return regions.register(addr, size);
  }

  @Override
  public Errno memEncUnregisterRegion(long addr, long size) {
    return regions.unregister(addr, size);
  }

  @Override
  public Errno vmCopyEncContextFrom(VmOps source) {
    return context.copyFrom(source);
  }

  @Override
  public Errno vmMoveEncContextFrom(VmOps source) {
    return context.moveFrom(source);
  }

  @Override
  public Errno gmemPrepare(long gfn, long pfn, int order) {
    return memory.prepare(gfn, pfn, order);
  }

  @Override
  public Errno gmemMakePrivate(long gfn, long pfn, int order) {
    return memory.prepare(gfn, pfn, order);
  }

  @Override
  public Errno gmemMakeShared(long gfn, long pfn, int order) {
    return memory.makeShared(pfn, 1L << order);
  }

  @Override
  public void gmemInvalidate(long pfnStart, long pfnEnd) {
    memory.invalidate(pfnStart, pfnEnd);
  }

  @Override
  public void gmemInvalidateRange(long gfnStart, long gfnEnd) {
    saveAreas.invalidate(gfnStart, gfnEnd);
  }

  @Override
  public @Nullable PageLevel privateMaxMappingLevel(
      @Nullable VcpuContext vcpu, long pfn, long gfn, boolean prefetch) {
    return memory.maxMappingLevel(pfn);
  }

  @Override
  public Errno preMmuMapPage(VcpuContext vcpu, MemoryMapping mapping, boolean isPrivate) {
    // The 2024 series' own patch for SEV refuses; its text calls the feature optional for SNP.
    return platform.settings().refuseMapMemory() && info.active ? Errno.EOPNOTSUPP : Errno.OK;
  }

  @Override
  public boolean preFaultAllowed() {
    return !type.equals(VmType.X86_SNP) || info.finished;
  }

  @Override
  public AccessOutcome checkTranslation(
      VcpuContext vcpu, long gpa, long pfn, PageLevel level, Access access, boolean isPrivate) {
    return faults.check(vcpu, gpa, pfn, level, access, isPrivate);
  }

  @Override
  public int guestKey() {
    return info.active ? info.key() : 0;
  }

  @Override
  public AccessOutcome preFault(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    return entry.check(vcpu) ? AccessOutcome.FAULT : AccessOutcome.EXIT;
  }

  @Override
  public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
    SevVcpu s = stateOf(vcpu);
    if (!entry.check(vcpu)) {
      return SnpGuestActions.ended(s);
    }
    return switch (action.name()) {
      case "wrmsr" -> bitmap.wrmsr(action);
      case "cpuid" -> bitmap.cpuid();
      default -> actions.run(vcpu, action);
    };
  }

  @Override
  public @Nullable RunResult resume(VcpuContext vcpu, long ret) {
    return actions.resume(vcpu, ret);
  }

  @Override
  public @Nullable RunResult hypercall(VcpuContext vcpu, long nr, long[] args) {
    SevVcpu s = stateOf(vcpu);
    return entry.check(vcpu) ? bitmap.hypercall(vcpu, nr, args) : SnpGuestActions.ended(s);
  }

  @Override
  public Errno pageEncStatusHc(VcpuContext vcpu, long gpa, long npages, boolean encrypted) {
    return bitmap.pageEncStatus(gpa, npages, encrypted);
  }

  @Override
  public Errno getPageEncBitmap(long startGfn, long npages, long[] into) {
    return bitmap.get(startGfn, npages, into);
  }

  @Override
  public Errno setPageEncBitmap(long startGfn, long npages, long[] from) {
    return bitmap.set(startGfn, npages, from);
  }

  @Override
  public Errno resetPageEncBitmap() {
    return bitmap.reset();
  }
}
