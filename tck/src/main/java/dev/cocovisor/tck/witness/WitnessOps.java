package dev.cocovisor.tck.witness;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The vendor half of one VM as {@link Witness} hands it to the core. */
public final class WitnessOps extends ForwardingVmOps {
  private static final Set<String> UNDER_MMU_LOCK =
      Set.of(
          "link_external_spt",
          "set_external_spte",
          "remove_external_spte",
          "split_external_spt",
          "free_external_spt",
          "map_delegated",
          "split_delegated",
          "unmap_delegated");

  private final VmContext vm;
  private final Witness witness;
  private final List<VcpuContext> vcpus = new ArrayList<>();
  private int inits;
  private int destroys;
  private int vcpuFrees;

  WitnessOps(VmOps delegate, VmContext vm, Witness witness) {
    super(delegate);
    this.vm = vm;
    this.witness = witness;
  }

  public VmContext context() {
    return vm;
  }

  public List<VcpuContext> vcpus() {
    return vcpus;
  }

  public boolean alive() {
    return inits > destroys;
  }

  public int destroys() {
    return destroys;
  }

  public int vcpuFrees() {
    return vcpuFrees;
  }

  // A hook is atomic to the core's locks: what it takes it gives back, and it never throws.
  @SuppressWarnings("NullAway") // the null is the thing looked for
  private <T> T seen(String name, long gfn, long pages, long pfn, Supplier<T> hook) {
    boolean kvm = vm.kvmLock().heldExclusive();
    boolean slots = vm.slotsLock().heldExclusive();
    boolean mmu = vm.mmuLock().heldExclusive();
    String outer = witness.enter(UNDER_MMU_LOCK.contains(name) ? name : null);
    T result;
    // Another actor may go right before the hook and right behind it.
    SchedulePoint.write(PointKind.TRUSTED_CALL, witness, 0);
    try {
      result = hook.get();
    } catch (RuntimeException | Error e) {
      witness.violation(name + " threw " + e);
      throw e;
    } finally {
      var _ = witness.enter(outer);
    }
    if (result == null) {
      witness.violation(name + " answered null");
    }
    if (kvm != vm.kvmLock().heldExclusive()
        || slots != vm.slotsLock().heldExclusive()
        || mmu != vm.mmuLock().heldExclusive()) {
      witness.violation(name + " returned with other locks than it was called with");
    }
    witness.note(new HookCall(name, gfn, pages, pfn, String.valueOf(result)));
    SchedulePoint.write(PointKind.TRUSTED_CALL, witness, 0);
    return result;
  }

  private void told(String name, long pfn, long pages, Runnable hook) {
    var _ =
        seen(
            name,
            -1,
            pages,
            pfn,
            () -> {
              hook.run();
              return Errno.OK;
            });
  }

  @Override
  public Errno vmInit() {
    Errno errno = seen("vm_init", -1, 0, -1, super::vmInit);
    if (errno.ok()) {
      inits++;
    }
    return errno;
  }

  @Override
  public void vmPreDestroy() {
    told("vm_pre_destroy", -1, 0, super::vmPreDestroy);
  }

  @Override
  public void vmDestroy() {
    told("vm_destroy", -1, 0, super::vmDestroy);
    destroys++;
  }

  @Override
  public Errno vcpuCreate(VcpuContext vcpu) {
    Errno errno = seen("vcpu_create", -1, 0, -1, () -> super.vcpuCreate(vcpu));
    if (errno.ok()) {
      vcpus.add(vcpu);
    }
    return errno;
  }

  @Override
  public void vcpuFree(VcpuContext vcpu) {
    vcpuFrees++;
    told("vcpu_free", -1, 0, () -> super.vcpuFree(vcpu));
  }

  @Override
  public Errno vcpuPreRun(VcpuContext vcpu) {
    return seen("vcpu_pre_run", -1, 0, -1, () -> super.vcpuPreRun(vcpu));
  }

  @Override
  public long memEncIoctl(VendorCommand command) {
    return seen("mem_enc_ioctl", -1, 0, -1, () -> super.memEncIoctl(command));
  }

  @Override
  public long vcpuMemEncIoctl(VcpuContext vcpu, VendorCommand command) {
    return seen("vcpu_mem_enc_ioctl", -1, 0, -1, () -> super.vcpuMemEncIoctl(vcpu, command));
  }

  @Override
  public long vmIoctl(VendorCommand command) {
    return seen("vm_ioctl", -1, 0, -1, () -> super.vmIoctl(command));
  }

  @Override
  public Errno linkExternalSpt(long gfn, PageLevel level, long sptPfn) {
    return seen(
        "link_external_spt",
        gfn,
        level.pages(),
        sptPfn,
        () -> super.linkExternalSpt(gfn, level, sptPfn));
  }

  @Override
  public Errno setExternalSpte(long gfn, PageLevel level, long pfn) {
    return seen(
        "set_external_spte", gfn, level.pages(), pfn, () -> super.setExternalSpte(gfn, level, pfn));
  }

  @Override
  public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
    return seen(
        "remove_external_spte",
        gfn,
        level.pages(),
        pfn,
        () -> super.removeExternalSpte(gfn, level, pfn));
  }

  @Override
  public Errno splitExternalSpt(long gfn, PageLevel level, long pfn, long sptPfn, boolean shared) {
    return seen(
        "split_external_spt",
        gfn,
        level.pages(),
        pfn,
        () -> super.splitExternalSpt(gfn, level, pfn, sptPfn, shared));
  }

  @Override
  public Errno freeExternalSpt(long gfn, PageLevel level, long sptPfn) {
    return seen(
        "free_external_spt",
        gfn,
        level.pages(),
        sptPfn,
        () -> super.freeExternalSpt(gfn, level, sptPfn));
  }

  @Override
  public Errno mapDelegated(
      VcpuContext vcpu, long gfn, long pfn, PageLevel level, boolean isPrivate, boolean writable) {
    return seen(
        "map_delegated",
        gfn,
        level.pages(),
        pfn,
        () -> super.mapDelegated(vcpu, gfn, pfn, level, isPrivate, writable));
  }

  @Override
  public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
    return seen(
        "unmap_delegated",
        gfn,
        level.pages(),
        pfn,
        () -> super.unmapDelegated(gfn, pfn, level, isPrivate));
  }

  @Override
  public Errno splitDelegated(long gfn, PageLevel level, boolean isPrivate) {
    return seen(
        "split_delegated",
        gfn,
        level.pages(),
        -1,
        () -> super.splitDelegated(gfn, level, isPrivate));
  }

  @Override
  public Errno gmemPrepare(long gfn, long pfn, int order) {
    return seen("gmem_prepare", gfn, 1L << order, pfn, () -> super.gmemPrepare(gfn, pfn, order));
  }

  @Override
  public void gmemInvalidate(long pfnStart, long pfnEnd) {
    told(
        "gmem_invalidate",
        pfnStart,
        pfnEnd - pfnStart,
        () -> super.gmemInvalidate(pfnStart, pfnEnd));
  }

  @Override
  public void guestMemoryReclaimed() {
    told("guest_memory_reclaimed", -1, 0, super::guestMemoryReclaimed);
  }

  @Override
  public @Nullable PageLevel privateMaxMappingLevel(
      @Nullable VcpuContext vcpu, long pfn, long gfn, boolean prefetch) {
    try {
      return super.privateMaxMappingLevel(vcpu, pfn, gfn, prefetch);
    } catch (RuntimeException | Error e) {
      witness.violation("private_max_mapping_level threw " + e);
      throw e;
    }
  }
}
