package dev.cocovisor.api.ops;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.uapi.MemoryMapping;
import dev.cocovisor.api.view.TableSink;
import java.util.function.Consumer;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * A vendor half that hands every hook on to another one: the base of wrappers that count, trace or
 * break a few hooks and leave the rest alone.
 *
 * <p>A subclass overrides the hooks it cares about. Calls that name another VM's vendor half hand
 * on what is inside a wrapper, so that a backend recognises its own class.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public abstract class ForwardingVmOps implements VmOps {
  private final VmOps delegate;

  /** Wraps {@code delegate}. */
  protected ForwardingVmOps(VmOps delegate) {
    this.delegate = delegate;
  }

  /** Returns the wrapped vendor half. */
  public VmOps delegate() {
    return delegate;
  }

  /**
   * Returns what is inside all wrappers around {@code ops}; {@code ops} itself if there is none.
   */
  public static VmOps unwrap(VmOps ops) {
    VmOps inner = ops;
    while (inner instanceof ForwardingVmOps f) {
      inner = f.delegate();
    }
    return inner;
  }

  // LifecycleOps

  @Override
  public Errno vmInit() {
    return delegate().vmInit();
  }

  @Override
  public void vmPreDestroy() {
    delegate().vmPreDestroy();
  }

  @Override
  public void vmDestroy() {
    delegate().vmDestroy();
  }

  @Override
  public Errno vcpuCreate(VcpuContext vcpu) {
    return delegate().vcpuCreate(vcpu);
  }

  @Override
  public void vcpuFree(VcpuContext vcpu) {
    delegate().vcpuFree(vcpu);
  }

  @Override
  public Errno vcpuPreRun(VcpuContext vcpu) {
    return delegate().vcpuPreRun(vcpu);
  }

  @Override
  public Errno prepareMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    return delegate().prepareMemoryRegion(change, old, now);
  }

  @Override
  public void commitMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    delegate().commitMemoryRegion(change, old, now);
  }

  @Override
  public Errno enableCap(int cap, long flags, long arg0) {
    return delegate().enableCap(cap, flags, arg0);
  }

  @Override
  public long vmIoctl(VendorCommand command) {
    return delegate().vmIoctl(command);
  }

  @Override
  public long vcpuIoctl(VcpuContext vcpu, VendorCommand command) {
    return delegate().vcpuIoctl(vcpu, command);
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    delegate().checkInvariants(violation);
  }

  // MappingOps

  @Override
  public VmTraits traits() {
    return delegate().traits();
  }

  @Override
  public Errno preMmuMapPage(VcpuContext vcpu, MemoryMapping mapping, boolean isPrivate) {
    return delegate().preMmuMapPage(vcpu, mapping, isPrivate);
  }

  @Override
  public boolean emulatesSmm() {
    return delegate().emulatesSmm();
  }

  @Override
  public boolean hides(VcpuContext vcpu, CpuState state) {
    return delegate().hides(vcpu, state);
  }

  @Override
  public boolean hidesEois() {
    return delegate().hidesEois();
  }

  @Override
  public int maxVcpus(int most) {
    return delegate().maxVcpus(most);
  }

  @Override
  public int processorOffers(int cap) {
    return delegate().processorOffers(cap);
  }

  @Override
  public boolean preFaultAllowed() {
    return delegate().preFaultAllowed();
  }

  @Override
  public @Nullable PageLevel privateMaxMappingLevel(
      @Nullable VcpuContext vcpu, long pfn, long gfn, boolean prefetch) {
    return delegate().privateMaxMappingLevel(vcpu, pfn, gfn, prefetch);
  }

  @Override
  public @Nullable PageLevel gmemMaxMappingLevel(long pfn, int order, boolean isPrivate) {
    return delegate().gmemMaxMappingLevel(pfn, order, isPrivate);
  }

  @Override
  public @Nullable PageLevel faultLevelHint(VcpuContext vcpu, long gfn) {
    return delegate().faultLevelHint(vcpu, gfn);
  }

  @Override
  public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    return delegate().guestWalk(vcpu, gpa, access, isPrivate);
  }

  @Override
  public AccessOutcome checkTranslation(
      VcpuContext vcpu, long gpa, long pfn, PageLevel level, Access access, boolean isPrivate) {
    return delegate().checkTranslation(vcpu, gpa, pfn, level, access, isPrivate);
  }

  @Override
  public int guestKey() {
    return delegate().guestKey();
  }

  @Override
  public AccessOutcome preFault(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    return delegate().preFault(vcpu, gpa, access, isPrivate);
  }

  @Override
  public boolean emulates(VcpuContext vcpu, long gpa, Access access) {
    return delegate().emulates(vcpu, gpa, access);
  }

  @Override
  public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
    return delegate().guestAction(vcpu, action);
  }

  @Override
  public @Nullable RunResult resume(VcpuContext vcpu, long ret) {
    return delegate().resume(vcpu, ret);
  }

  @Override
  public @Nullable RunResult hypercall(VcpuContext vcpu, long nr, long[] args) {
    return delegate().hypercall(vcpu, nr, args);
  }

  @Override
  public void guestMemoryReclaimed() {
    delegate().guestMemoryReclaimed();
  }

  // ExternalTableOps

  @Override
  public Errno linkExternalSpt(long gfn, PageLevel level, long sptPfn) {
    return delegate().linkExternalSpt(gfn, level, sptPfn);
  }

  @Override
  public Errno setExternalSpte(long gfn, PageLevel level, long pfn) {
    return delegate().setExternalSpte(gfn, level, pfn);
  }

  @Override
  public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
    return delegate().removeExternalSpte(gfn, level, pfn);
  }

  @Override
  public Errno splitExternalSpt(long gfn, PageLevel level, long pfn, long sptPfn, boolean shared) {
    return delegate().splitExternalSpt(gfn, level, pfn, sptPfn, shared);
  }

  @Override
  public Errno freeExternalSpt(long gfn, PageLevel level, long sptPfn) {
    return delegate().freeExternalSpt(gfn, level, sptPfn);
  }

  @Override
  public long externalPfn(long gfn, PageLevel level) {
    return delegate().externalPfn(gfn, level);
  }

  @Override
  public void showTables(TableSink into) {
    delegate().showTables(into);
  }

  // DelegatedStageOps

  @Override
  public Errno prepareDelegated(VcpuContext vcpu, boolean isPrivate) {
    return delegate().prepareDelegated(vcpu, isPrivate);
  }

  @Override
  public Errno mapDelegated(
      VcpuContext vcpu, long gfn, long pfn, PageLevel level, boolean isPrivate, boolean writable) {
    return delegate().mapDelegated(vcpu, gfn, pfn, level, isPrivate, writable);
  }

  @Override
  public Errno refaultDelegated(VcpuContext vcpu, long gfn, boolean isPrivate) {
    return delegate().refaultDelegated(vcpu, gfn, isPrivate);
  }

  @Override
  public PageLevel delegatedMaxLevel(long gfn, long pfn, PageLevel wanted, boolean isPrivate) {
    return delegate().delegatedMaxLevel(gfn, pfn, wanted, isPrivate);
  }

  @Override
  public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
    return delegate().unmapDelegated(gfn, pfn, level, isPrivate);
  }

  @Override
  public Errno splitDelegated(long gfn, PageLevel level, boolean isPrivate) {
    return delegate().splitDelegated(gfn, level, isPrivate);
  }

  @Override
  public Errno protectDelegated(long gfn, PageLevel level, boolean isPrivate) {
    return delegate().protectDelegated(gfn, level, isPrivate);
  }

  @Override
  public boolean notifierMayUnmap(long gfn, boolean isPrivate) {
    return delegate().notifierMayUnmap(gfn, isPrivate);
  }

  @Override
  public long trustedTablePages() {
    return delegate().trustedTablePages();
  }

  // GuestMemfdOps

  @Override
  public Errno gmemPrepare(long gfn, long pfn, int order) {
    return delegate().gmemPrepare(gfn, pfn, order);
  }

  @Override
  public void gmemInvalidate(long pfnStart, long pfnEnd) {
    delegate().gmemInvalidate(pfnStart, pfnEnd);
  }

  @Override
  public void gmemInvalidateRange(long gfnStart, long gfnEnd) {
    delegate().gmemInvalidateRange(gfnStart, gfnEnd);
  }

  @Override
  public Errno gmemMakePrivate(long gfn, long pfn, int order) {
    return delegate().gmemMakePrivate(gfn, pfn, order);
  }

  @Override
  public Errno gmemMakeShared(long gfn, long pfn, int order) {
    return delegate().gmemMakeShared(gfn, pfn, order);
  }

  // EncryptionOps

  @Override
  public long memEncIoctl(VendorCommand command) {
    return delegate().memEncIoctl(command);
  }

  @Override
  public long vcpuMemEncIoctl(VcpuContext vcpu, VendorCommand command) {
    return delegate().vcpuMemEncIoctl(vcpu, command);
  }

  @Override
  public Errno memEncRegisterRegion(long addr, long size) {
    return delegate().memEncRegisterRegion(addr, size);
  }

  @Override
  public Errno memEncUnregisterRegion(long addr, long size) {
    return delegate().memEncUnregisterRegion(addr, size);
  }

  @Override
  public Errno vmCopyEncContextFrom(VmOps source) {
    return delegate().vmCopyEncContextFrom(unwrap(source));
  }

  @Override
  public Errno vmMoveEncContextFrom(VmOps source) {
    return delegate().vmMoveEncContextFrom(unwrap(source));
  }

  // MigrationOps

  @Override
  public Errno pageEncStatusHc(VcpuContext vcpu, long gpa, long npages, boolean encrypted) {
    return delegate().pageEncStatusHc(vcpu, gpa, npages, encrypted);
  }

  @Override
  public Errno getPageEncBitmap(long startGfn, long npages, long[] into) {
    return delegate().getPageEncBitmap(startGfn, npages, into);
  }

  @Override
  public Errno setPageEncBitmap(long startGfn, long npages, long[] from) {
    return delegate().setPageEncBitmap(startGfn, npages, from);
  }

  @Override
  public Errno resetPageEncBitmap() {
    return delegate().resetPageEncBitmap();
  }
}
