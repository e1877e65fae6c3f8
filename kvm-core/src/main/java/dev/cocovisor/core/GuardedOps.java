package dev.cocovisor.core;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.ops.CpuState;
import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.uapi.MemoryMapping;
import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.core.vm.VmProgress;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Stands between the core and a vendor's hooks: an exception that leaves a hook is a {@link
 * VendorFailure} with the backend's and the hook's name, and the last hook that did not let the
 * core go on is remembered, so that a run without progress can say where it stood.
 *
 * <p>An IllegalArgumentException of a vendor's ioctl or guest action is the caller's mistake and
 * goes through as it is.
 */
final class GuardedOps extends ForwardingVmOps {
  private final String backend;
  private final VmProgress progress;

  GuardedOps(VmOps delegate, String backend, VmProgress progress) {
    super(delegate);
    this.backend = backend;
    this.progress = progress;
  }

  private RuntimeException failed(String hook, Throwable e) {
    RuntimeException failure = VendorFailure.of(backend, hook, e);
    progress.broke(failure.toString());
    return failure;
  }

  private Errno noted(String hook, Errno answer) {
    if (answer != Errno.OK) {
      progress.refused(hook);
    }
    return answer;
  }

  private AccessOutcome noted(String hook, AccessOutcome answer) {
    if (answer == AccessOutcome.RETRY) {
      progress.refused(hook);
    }
    return answer;
  }

  // LifecycleOps

  @Override
  public Errno vmInit() {
    try {
      return noted("vm_init", super.vmInit());
    } catch (RuntimeException | Error e) {
      throw failed("vm_init", e);
    }
  }

  @Override
  public void vmPreDestroy() {
    try {
      super.vmPreDestroy();
    } catch (RuntimeException | Error e) {
      throw failed("vm_pre_destroy", e);
    }
  }

  @Override
  public void vmDestroy() {
    try {
      super.vmDestroy();
    } catch (RuntimeException | Error e) {
      throw failed("vm_destroy", e);
    }
  }

  @Override
  public Errno vcpuCreate(VcpuContext vcpu) {
    try {
      return noted("vcpu_create", super.vcpuCreate(vcpu));
    } catch (RuntimeException | Error e) {
      throw failed("vcpu_create", e);
    }
  }

  @Override
  public void vcpuFree(VcpuContext vcpu) {
    try {
      super.vcpuFree(vcpu);
    } catch (RuntimeException | Error e) {
      throw failed("vcpu_free", e);
    }
  }

  @Override
  public Errno vcpuPreRun(VcpuContext vcpu) {
    try {
      return noted("vcpu_pre_run", super.vcpuPreRun(vcpu));
    } catch (RuntimeException | Error e) {
      throw failed("vcpu_pre_run", e);
    }
  }

  @Override
  public Errno prepareMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    try {
      return noted("prepare_memory_region", super.prepareMemoryRegion(change, old, now));
    } catch (RuntimeException | Error e) {
      throw failed("prepare_memory_region", e);
    }
  }

  @Override
  public void commitMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    try {
      super.commitMemoryRegion(change, old, now);
    } catch (RuntimeException | Error e) {
      throw failed("commit_memory_region", e);
    }
  }

  @Override
  public Errno enableCap(int cap, long flags, long arg0) {
    try {
      return noted("enable_cap", super.enableCap(cap, flags, arg0));
    } catch (RuntimeException | Error e) {
      throw failed("enable_cap", e);
    }
  }

  @Override
  public long vmIoctl(VendorCommand command) {
    try {
      return super.vmIoctl(command);
    } catch (IllegalArgumentException e) {
      throw e;
    } catch (RuntimeException | Error e) {
      throw failed("vm_ioctl", e);
    }
  }

  @Override
  public long vcpuIoctl(VcpuContext vcpu, VendorCommand command) {
    try {
      return super.vcpuIoctl(vcpu, command);
    } catch (IllegalArgumentException e) {
      throw e;
    } catch (RuntimeException | Error e) {
      throw failed("vcpu_ioctl", e);
    }
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    try {
      super.checkInvariants(violation);
    } catch (RuntimeException | Error e) {
      throw failed("check_invariants", e);
    }
  }

  // MappingOps

  @Override
  public VmTraits traits() {
    try {
      return super.traits();
    } catch (RuntimeException | Error e) {
      throw failed("traits", e);
    }
  }

  @Override
  public Errno preMmuMapPage(VcpuContext vcpu, MemoryMapping mapping, boolean isPrivate) {
    try {
      return noted("pre_mmu_map_page", super.preMmuMapPage(vcpu, mapping, isPrivate));
    } catch (RuntimeException | Error e) {
      throw failed("pre_mmu_map_page", e);
    }
  }

  @Override
  public boolean emulatesSmm() {
    try {
      return super.emulatesSmm();
    } catch (RuntimeException | Error e) {
      throw failed("emulatesSmm", e);
    }
  }

  @Override
  public boolean hides(VcpuContext vcpu, CpuState state) {
    try {
      return super.hides(vcpu, state);
    } catch (RuntimeException | Error e) {
      throw failed("hides", e);
    }
  }

  @Override
  public boolean hidesEois() {
    try {
      return super.hidesEois();
    } catch (RuntimeException | Error e) {
      throw failed("hidesEois", e);
    }
  }

  @Override
  public int maxVcpus(int most) {
    try {
      return super.maxVcpus(most);
    } catch (RuntimeException | Error e) {
      throw failed("max_vcpus", e);
    }
  }

  @Override
  public int processorOffers(int cap) {
    try {
      return super.processorOffers(cap);
    } catch (RuntimeException | Error e) {
      throw failed("processor_offers", e);
    }
  }

  @Override
  public boolean preFaultAllowed() {
    try {
      return super.preFaultAllowed();
    } catch (RuntimeException | Error e) {
      throw failed("pre_fault_allowed", e);
    }
  }

  @Override
  public @Nullable PageLevel privateMaxMappingLevel(
      @Nullable VcpuContext vcpu, long pfn, long gfn, boolean prefetch) {
    try {
      return super.privateMaxMappingLevel(vcpu, pfn, gfn, prefetch);
    } catch (RuntimeException | Error e) {
      throw failed("private_max_mapping_level", e);
    }
  }

  @Override
  public @Nullable PageLevel gmemMaxMappingLevel(long pfn, int order, boolean isPrivate) {
    try {
      return super.gmemMaxMappingLevel(pfn, order, isPrivate);
    } catch (RuntimeException | Error e) {
      throw failed("gmem_max_mapping_level", e);
    }
  }

  @Override
  public @Nullable PageLevel faultLevelHint(VcpuContext vcpu, long gfn) {
    try {
      return super.faultLevelHint(vcpu, gfn);
    } catch (RuntimeException | Error e) {
      throw failed("fault_level_hint", e);
    }
  }

  @Override
  public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    try {
      long walked = super.guestWalk(vcpu, gpa, access, isPrivate);
      if (walked == WALK_RETRY) {
        progress.refused("guest_walk");
      }
      return walked;
    } catch (RuntimeException | Error e) {
      throw failed("guest_walk", e);
    }
  }

  @Override
  public AccessOutcome checkTranslation(
      VcpuContext vcpu, long gpa, long pfn, PageLevel level, Access access, boolean isPrivate) {
    try {
      return noted(
          "check_translation", super.checkTranslation(vcpu, gpa, pfn, level, access, isPrivate));
    } catch (RuntimeException | Error e) {
      throw failed("check_translation", e);
    }
  }

  @Override
  public int guestKey() {
    try {
      return super.guestKey();
    } catch (RuntimeException | Error e) {
      throw failed("guest_key", e);
    }
  }

  @Override
  public AccessOutcome preFault(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    try {
      return noted("pre_fault", super.preFault(vcpu, gpa, access, isPrivate));
    } catch (RuntimeException | Error e) {
      throw failed("pre_fault", e);
    }
  }

  @Override
  public boolean emulates(VcpuContext vcpu, long gpa, Access access) {
    try {
      return super.emulates(vcpu, gpa, access);
    } catch (RuntimeException | Error e) {
      throw failed("emulates", e);
    }
  }

  @Override
  public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
    try {
      return super.guestAction(vcpu, action);
    } catch (IllegalArgumentException e) {
      throw e;
    } catch (RuntimeException | Error e) {
      throw failed("guest_action", e);
    }
  }

  @Override
  public @Nullable RunResult resume(VcpuContext vcpu, long ret) {
    try {
      return super.resume(vcpu, ret);
    } catch (RuntimeException | Error e) {
      throw failed("resume", e);
    }
  }

  @Override
  public @Nullable RunResult hypercall(VcpuContext vcpu, long nr, long[] args) {
    try {
      return super.hypercall(vcpu, nr, args);
    } catch (RuntimeException | Error e) {
      throw failed("hypercall", e);
    }
  }

  @Override
  public void guestMemoryReclaimed() {
    try {
      super.guestMemoryReclaimed();
    } catch (RuntimeException | Error e) {
      throw failed("guest_memory_reclaimed", e);
    }
  }

  // ExternalTableOps

  @Override
  public Errno linkExternalSpt(long gfn, PageLevel level, long sptPfn) {
    try {
      return noted("link_external_spt", super.linkExternalSpt(gfn, level, sptPfn));
    } catch (RuntimeException | Error e) {
      throw failed("link_external_spt", e);
    }
  }

  @Override
  public Errno setExternalSpte(long gfn, PageLevel level, long pfn) {
    try {
      return noted("set_external_spte", super.setExternalSpte(gfn, level, pfn));
    } catch (RuntimeException | Error e) {
      throw failed("set_external_spte", e);
    }
  }

  @Override
  public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
    try {
      return noted("remove_external_spte", super.removeExternalSpte(gfn, level, pfn));
    } catch (RuntimeException | Error e) {
      throw failed("remove_external_spte", e);
    }
  }

  @Override
  public Errno splitExternalSpt(long gfn, PageLevel level, long pfn, long sptPfn, boolean shared) {
    try {
      return noted("split_external_spt", super.splitExternalSpt(gfn, level, pfn, sptPfn, shared));
    } catch (RuntimeException | Error e) {
      throw failed("split_external_spt", e);
    }
  }

  @Override
  public Errno freeExternalSpt(long gfn, PageLevel level, long sptPfn) {
    try {
      return noted("free_external_spt", super.freeExternalSpt(gfn, level, sptPfn));
    } catch (RuntimeException | Error e) {
      throw failed("free_external_spt", e);
    }
  }

  @Override
  public long externalPfn(long gfn, PageLevel level) {
    try {
      return super.externalPfn(gfn, level);
    } catch (RuntimeException | Error e) {
      throw failed("external_pfn", e);
    }
  }

  @Override
  public void showTables(TableSink into) {
    try {
      super.showTables(into);
    } catch (RuntimeException | Error e) {
      throw failed("show_tables", e);
    }
  }

  // DelegatedStageOps

  @Override
  public Errno prepareDelegated(VcpuContext vcpu, boolean isPrivate) {
    try {
      return noted("prepare_delegated", super.prepareDelegated(vcpu, isPrivate));
    } catch (RuntimeException | Error e) {
      throw failed("prepare_delegated", e);
    }
  }

  @Override
  public Errno mapDelegated(
      VcpuContext vcpu, long gfn, long pfn, PageLevel level, boolean isPrivate, boolean writable) {
    try {
      return noted("map_delegated", super.mapDelegated(vcpu, gfn, pfn, level, isPrivate, writable));
    } catch (RuntimeException | Error e) {
      throw failed("map_delegated", e);
    }
  }

  @Override
  public Errno refaultDelegated(VcpuContext vcpu, long gfn, boolean isPrivate) {
    try {
      return noted("refault_delegated", super.refaultDelegated(vcpu, gfn, isPrivate));
    } catch (RuntimeException | Error e) {
      throw failed("refault_delegated", e);
    }
  }

  @Override
  public PageLevel delegatedMaxLevel(long gfn, long pfn, PageLevel wanted, boolean isPrivate) {
    try {
      return super.delegatedMaxLevel(gfn, pfn, wanted, isPrivate);
    } catch (RuntimeException | Error e) {
      throw failed("delegated_max_level", e);
    }
  }

  @Override
  public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
    try {
      return noted("unmap_delegated", super.unmapDelegated(gfn, pfn, level, isPrivate));
    } catch (RuntimeException | Error e) {
      throw failed("unmap_delegated", e);
    }
  }

  @Override
  public Errno splitDelegated(long gfn, PageLevel level, boolean isPrivate) {
    try {
      return noted("split_delegated", super.splitDelegated(gfn, level, isPrivate));
    } catch (RuntimeException | Error e) {
      throw failed("split_delegated", e);
    }
  }

  @Override
  public Errno protectDelegated(long gfn, PageLevel level, boolean isPrivate) {
    try {
      return noted("protect_delegated", super.protectDelegated(gfn, level, isPrivate));
    } catch (RuntimeException | Error e) {
      throw failed("protect_delegated", e);
    }
  }

  @Override
  public boolean notifierMayUnmap(long gfn, boolean isPrivate) {
    try {
      return super.notifierMayUnmap(gfn, isPrivate);
    } catch (RuntimeException | Error e) {
      throw failed("notifier_may_unmap", e);
    }
  }

  @Override
  public long trustedTablePages() {
    try {
      return super.trustedTablePages();
    } catch (RuntimeException | Error e) {
      throw failed("trusted_table_pages", e);
    }
  }

  // GuestMemfdOps

  @Override
  public Errno gmemPrepare(long gfn, long pfn, int order) {
    try {
      return noted("gmem_prepare", super.gmemPrepare(gfn, pfn, order));
    } catch (RuntimeException | Error e) {
      throw failed("gmem_prepare", e);
    }
  }

  @Override
  public void gmemInvalidate(long pfnStart, long pfnEnd) {
    try {
      super.gmemInvalidate(pfnStart, pfnEnd);
    } catch (RuntimeException | Error e) {
      throw failed("gmem_invalidate", e);
    }
  }

  @Override
  public void gmemInvalidateRange(long gfnStart, long gfnEnd) {
    try {
      super.gmemInvalidateRange(gfnStart, gfnEnd);
    } catch (RuntimeException | Error e) {
      throw failed("gmem_invalidate_range", e);
    }
  }

  @Override
  public Errno gmemMakePrivate(long gfn, long pfn, int order) {
    try {
      return noted("gmem_make_private", super.gmemMakePrivate(gfn, pfn, order));
    } catch (RuntimeException | Error e) {
      throw failed("gmem_make_private", e);
    }
  }

  @Override
  public Errno gmemMakeShared(long gfn, long pfn, int order) {
    try {
      return noted("gmem_make_shared", super.gmemMakeShared(gfn, pfn, order));
    } catch (RuntimeException | Error e) {
      throw failed("gmem_make_shared", e);
    }
  }

  // EncryptionOps

  @Override
  public long memEncIoctl(VendorCommand command) {
    try {
      return super.memEncIoctl(command);
    } catch (IllegalArgumentException e) {
      throw e;
    } catch (RuntimeException | Error e) {
      throw failed("mem_enc_ioctl", e);
    }
  }

  @Override
  public long vcpuMemEncIoctl(VcpuContext vcpu, VendorCommand command) {
    try {
      return super.vcpuMemEncIoctl(vcpu, command);
    } catch (IllegalArgumentException e) {
      throw e;
    } catch (RuntimeException | Error e) {
      throw failed("vcpu_mem_enc_ioctl", e);
    }
  }

  @Override
  public Errno memEncRegisterRegion(long addr, long size) {
    try {
      return noted("mem_enc_register_region", super.memEncRegisterRegion(addr, size));
    } catch (RuntimeException | Error e) {
      throw failed("mem_enc_register_region", e);
    }
  }

  @Override
  public Errno memEncUnregisterRegion(long addr, long size) {
    try {
      return noted("mem_enc_unregister_region", super.memEncUnregisterRegion(addr, size));
    } catch (RuntimeException | Error e) {
      throw failed("mem_enc_unregister_region", e);
    }
  }

  @Override
  public Errno vmCopyEncContextFrom(VmOps source) {
    try {
      return noted("vm_copy_enc_context_from", super.vmCopyEncContextFrom(source));
    } catch (RuntimeException | Error e) {
      throw failed("vm_copy_enc_context_from", e);
    }
  }

  @Override
  public Errno vmMoveEncContextFrom(VmOps source) {
    try {
      return noted("vm_move_enc_context_from", super.vmMoveEncContextFrom(source));
    } catch (RuntimeException | Error e) {
      throw failed("vm_move_enc_context_from", e);
    }
  }

  // MigrationOps

  @Override
  public Errno pageEncStatusHc(VcpuContext vcpu, long gpa, long npages, boolean encrypted) {
    try {
      return noted("page_enc_status_hc", super.pageEncStatusHc(vcpu, gpa, npages, encrypted));
    } catch (RuntimeException | Error e) {
      throw failed("page_enc_status_hc", e);
    }
  }

  @Override
  public Errno getPageEncBitmap(long startGfn, long npages, long[] into) {
    try {
      return noted("get_page_enc_bitmap", super.getPageEncBitmap(startGfn, npages, into));
    } catch (RuntimeException | Error e) {
      throw failed("get_page_enc_bitmap", e);
    }
  }

  @Override
  public Errno setPageEncBitmap(long startGfn, long npages, long[] from) {
    try {
      return noted("set_page_enc_bitmap", super.setPageEncBitmap(startGfn, npages, from));
    } catch (RuntimeException | Error e) {
      throw failed("set_page_enc_bitmap", e);
    }
  }

  @Override
  public Errno resetPageEncBitmap() {
    try {
      return noted("reset_page_enc_bitmap", super.resetPageEncBitmap());
    } catch (RuntimeException | Error e) {
      throw failed("reset_page_enc_bitmap", e);
    }
  }
}
