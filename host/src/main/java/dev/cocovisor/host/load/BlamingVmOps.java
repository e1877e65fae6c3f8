package dev.cocovisor.host.load;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.uapi.MemoryMapping;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A vendor half whose hooks, when they throw, say whose they are. Hooks answer with values; what
 * one throws is a mistake of its plugin, and the run ends with a finding that names it.
 */
abstract class BlamingVmOps extends ForwardingVmOps {
  private final PluginFailures failures;

  BlamingVmOps(VmOps delegate, PluginFailures failures) {
    super(delegate);
    this.failures = failures;
  }

  private static <T> T answered(@Nullable T value) {
    if (value == null) {
      throw new IllegalStateException("it returned null");
    }
    return value;
  }

  private RuntimeException failed(String hook, Throwable t) {
    return failures.in(hook, t);
  }

  // LifecycleOps

  @Override
  public Errno vmInit() {
    try {
      return answered(super.vmInit());
    } catch (Throwable t) {
      throw failed("vmInit", t);
    }
  }

  @Override
  public void vmPreDestroy() {
    try {
      super.vmPreDestroy();
    } catch (Throwable t) {
      throw failed("vmPreDestroy", t);
    }
  }

  @Override
  public void vmDestroy() {
    try {
      super.vmDestroy();
    } catch (Throwable t) {
      throw failed("vmDestroy", t);
    }
  }

  @Override
  public Errno vcpuCreate(VcpuContext vcpu) {
    try {
      return answered(super.vcpuCreate(vcpu));
    } catch (Throwable t) {
      throw failed("vcpuCreate", t);
    }
  }

  @Override
  public void vcpuFree(VcpuContext vcpu) {
    try {
      super.vcpuFree(vcpu);
    } catch (Throwable t) {
      throw failed("vcpuFree", t);
    }
  }

  @Override
  public Errno vcpuPreRun(VcpuContext vcpu) {
    try {
      return answered(super.vcpuPreRun(vcpu));
    } catch (Throwable t) {
      throw failed("vcpuPreRun", t);
    }
  }

  @Override
  public Errno prepareMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    try {
      return answered(super.prepareMemoryRegion(change, old, now));
    } catch (Throwable t) {
      throw failed("prepareMemoryRegion", t);
    }
  }

  @Override
  public void commitMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    try {
      super.commitMemoryRegion(change, old, now);
    } catch (Throwable t) {
      throw failed("commitMemoryRegion", t);
    }
  }

  @Override
  public Errno enableCap(int cap, long flags, long arg0) {
    try {
      return answered(super.enableCap(cap, flags, arg0));
    } catch (Throwable t) {
      throw failed("enableCap", t);
    }
  }

  @Override
  public long vmIoctl(VendorCommand command) {
    try {
      return super.vmIoctl(command);
    } catch (Throwable t) {
      throw failed("vmIoctl", t);
    }
  }

  @Override
  public long vcpuIoctl(VcpuContext vcpu, VendorCommand command) {
    try {
      return super.vcpuIoctl(vcpu, command);
    } catch (Throwable t) {
      throw failed("vcpuIoctl", t);
    }
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    try {
      super.checkInvariants(violation);
    } catch (Throwable t) {
      throw failed("checkInvariants", t);
    }
  }

  // MappingOps

  @Override
  public VmTraits traits() {
    try {
      return answered(super.traits());
    } catch (Throwable t) {
      throw failed("traits", t);
    }
  }

  @Override
  public Errno preMmuMapPage(VcpuContext vcpu, MemoryMapping mapping, boolean isPrivate) {
    try {
      return answered(super.preMmuMapPage(vcpu, mapping, isPrivate));
    } catch (Throwable t) {
      throw failed("preMmuMapPage", t);
    }
  }

  @Override
  public boolean preFaultAllowed() {
    try {
      return super.preFaultAllowed();
    } catch (Throwable t) {
      throw failed("preFaultAllowed", t);
    }
  }

  @Override
  public @Nullable PageLevel privateMaxMappingLevel(
      @Nullable VcpuContext vcpu, long pfn, long gfn, boolean prefetch) {
    try {
      return super.privateMaxMappingLevel(vcpu, pfn, gfn, prefetch);
    } catch (Throwable t) {
      throw failed("privateMaxMappingLevel", t);
    }
  }

  @Override
  public @Nullable PageLevel gmemMaxMappingLevel(long pfn, int order, boolean isPrivate) {
    try {
      return super.gmemMaxMappingLevel(pfn, order, isPrivate);
    } catch (Throwable t) {
      throw failed("gmemMaxMappingLevel", t);
    }
  }

  @Override
  public @Nullable PageLevel faultLevelHint(VcpuContext vcpu, long gfn) {
    try {
      return super.faultLevelHint(vcpu, gfn);
    } catch (Throwable t) {
      throw failed("faultLevelHint", t);
    }
  }

  @Override
  public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    try {
      return super.guestWalk(vcpu, gpa, access, isPrivate);
    } catch (Throwable t) {
      throw failed("guestWalk", t);
    }
  }

  @Override
  public AccessOutcome checkTranslation(
      VcpuContext vcpu, long gpa, long pfn, PageLevel level, Access access, boolean isPrivate) {
    try {
      return answered(super.checkTranslation(vcpu, gpa, pfn, level, access, isPrivate));
    } catch (Throwable t) {
      throw failed("checkTranslation", t);
    }
  }

  @Override
  public int guestKey() {
    try {
      return super.guestKey();
    } catch (Throwable t) {
      throw failed("guestKey", t);
    }
  }

  @Override
  public AccessOutcome preFault(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    try {
      return answered(super.preFault(vcpu, gpa, access, isPrivate));
    } catch (Throwable t) {
      throw failed("preFault", t);
    }
  }

  @Override
  public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
    try {
      return super.guestAction(vcpu, action);
    } catch (Throwable t) {
      throw failed("guestAction", t);
    }
  }

  @Override
  public @Nullable RunResult resume(VcpuContext vcpu, long ret) {
    try {
      return super.resume(vcpu, ret);
    } catch (Throwable t) {
      throw failed("resume", t);
    }
  }

  @Override
  public @Nullable RunResult hypercall(VcpuContext vcpu, long nr, long[] args) {
    try {
      return super.hypercall(vcpu, nr, args);
    } catch (Throwable t) {
      throw failed("hypercall", t);
    }
  }

  @Override
  public void guestMemoryReclaimed() {
    try {
      super.guestMemoryReclaimed();
    } catch (Throwable t) {
      throw failed("guestMemoryReclaimed", t);
    }
  }

  // ExternalTableOps

  @Override
  public Errno linkExternalSpt(long gfn, PageLevel level, long sptPfn) {
    try {
      return answered(super.linkExternalSpt(gfn, level, sptPfn));
    } catch (Throwable t) {
      throw failed("linkExternalSpt", t);
    }
  }

  @Override
  public Errno setExternalSpte(long gfn, PageLevel level, long pfn) {
    try {
      return answered(super.setExternalSpte(gfn, level, pfn));
    } catch (Throwable t) {
      throw failed("setExternalSpte", t);
    }
  }

  @Override
  public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
    try {
      return answered(super.removeExternalSpte(gfn, level, pfn));
    } catch (Throwable t) {
      throw failed("removeExternalSpte", t);
    }
  }

  @Override
  public Errno splitExternalSpt(long gfn, PageLevel level, long pfn, long sptPfn, boolean shared) {
    try {
      return answered(super.splitExternalSpt(gfn, level, pfn, sptPfn, shared));
    } catch (Throwable t) {
      throw failed("splitExternalSpt", t);
    }
  }

  @Override
  public Errno freeExternalSpt(long gfn, PageLevel level, long sptPfn) {
    try {
      return answered(super.freeExternalSpt(gfn, level, sptPfn));
    } catch (Throwable t) {
      throw failed("freeExternalSpt", t);
    }
  }

  @Override
  public long externalPfn(long gfn, PageLevel level) {
    try {
      return super.externalPfn(gfn, level);
    } catch (Throwable t) {
      throw failed("externalPfn", t);
    }
  }

  // DelegatedStageOps

  @Override
  public Errno mapDelegated(
      VcpuContext vcpu, long gfn, long pfn, PageLevel level, boolean isPrivate, boolean writable) {
    try {
      return answered(super.mapDelegated(vcpu, gfn, pfn, level, isPrivate, writable));
    } catch (Throwable t) {
      throw failed("mapDelegated", t);
    }
  }

  @Override
  public Errno refaultDelegated(VcpuContext vcpu, long gfn, boolean isPrivate) {
    try {
      return answered(super.refaultDelegated(vcpu, gfn, isPrivate));
    } catch (Throwable t) {
      throw failed("refaultDelegated", t);
    }
  }

  @Override
  public PageLevel delegatedMaxLevel(long gfn, long pfn, PageLevel wanted, boolean isPrivate) {
    try {
      return answered(super.delegatedMaxLevel(gfn, pfn, wanted, isPrivate));
    } catch (Throwable t) {
      throw failed("delegatedMaxLevel", t);
    }
  }

  @Override
  public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
    try {
      return answered(super.unmapDelegated(gfn, pfn, level, isPrivate));
    } catch (Throwable t) {
      throw failed("unmapDelegated", t);
    }
  }

  @Override
  public Errno splitDelegated(long gfn, PageLevel level, boolean isPrivate) {
    try {
      return answered(super.splitDelegated(gfn, level, isPrivate));
    } catch (Throwable t) {
      throw failed("splitDelegated", t);
    }
  }

  @Override
  public boolean notifierMayUnmap(long gfn, boolean isPrivate) {
    try {
      return super.notifierMayUnmap(gfn, isPrivate);
    } catch (Throwable t) {
      throw failed("notifierMayUnmap", t);
    }
  }

  @Override
  public long trustedTablePages() {
    try {
      return super.trustedTablePages();
    } catch (Throwable t) {
      throw failed("trustedTablePages", t);
    }
  }

  // GuestMemfdOps

  @Override
  public Errno gmemPrepare(long gfn, long pfn, int order) {
    try {
      return answered(super.gmemPrepare(gfn, pfn, order));
    } catch (Throwable t) {
      throw failed("gmemPrepare", t);
    }
  }

  @Override
  public void gmemInvalidate(long pfnStart, long pfnEnd) {
    try {
      super.gmemInvalidate(pfnStart, pfnEnd);
    } catch (Throwable t) {
      throw failed("gmemInvalidate", t);
    }
  }

  @Override
  public Errno gmemMakePrivate(long gfn, long pfn, int order) {
    try {
      return answered(super.gmemMakePrivate(gfn, pfn, order));
    } catch (Throwable t) {
      throw failed("gmemMakePrivate", t);
    }
  }

  @Override
  public Errno gmemMakeShared(long gfn, long pfn, int order) {
    try {
      return answered(super.gmemMakeShared(gfn, pfn, order));
    } catch (Throwable t) {
      throw failed("gmemMakeShared", t);
    }
  }

  // EncryptionOps

  @Override
  public long memEncIoctl(VendorCommand command) {
    try {
      return super.memEncIoctl(command);
    } catch (Throwable t) {
      throw failed("memEncIoctl", t);
    }
  }

  @Override
  public long vcpuMemEncIoctl(VcpuContext vcpu, VendorCommand command) {
    try {
      return super.vcpuMemEncIoctl(vcpu, command);
    } catch (Throwable t) {
      throw failed("vcpuMemEncIoctl", t);
    }
  }

  @Override
  public Errno memEncRegisterRegion(long addr, long size) {
    try {
      return answered(super.memEncRegisterRegion(addr, size));
    } catch (Throwable t) {
      throw failed("memEncRegisterRegion", t);
    }
  }

  @Override
  public Errno memEncUnregisterRegion(long addr, long size) {
    try {
      return answered(super.memEncUnregisterRegion(addr, size));
    } catch (Throwable t) {
      throw failed("memEncUnregisterRegion", t);
    }
  }

  @Override
  public Errno vmCopyEncContextFrom(VmOps source) {
    try {
      return answered(super.vmCopyEncContextFrom(source));
    } catch (Throwable t) {
      throw failed("vmCopyEncContextFrom", t);
    }
  }

  @Override
  public Errno vmMoveEncContextFrom(VmOps source) {
    try {
      return answered(super.vmMoveEncContextFrom(source));
    } catch (Throwable t) {
      throw failed("vmMoveEncContextFrom", t);
    }
  }

  // MigrationOps

  @Override
  public Errno pageEncStatusHc(VcpuContext vcpu, long gpa, long npages, boolean encrypted) {
    try {
      return answered(super.pageEncStatusHc(vcpu, gpa, npages, encrypted));
    } catch (Throwable t) {
      throw failed("pageEncStatusHc", t);
    }
  }

  @Override
  public Errno getPageEncBitmap(long startGfn, long npages, long[] into) {
    try {
      return answered(super.getPageEncBitmap(startGfn, npages, into));
    } catch (Throwable t) {
      throw failed("getPageEncBitmap", t);
    }
  }

  @Override
  public Errno setPageEncBitmap(long startGfn, long npages, long[] from) {
    try {
      return answered(super.setPageEncBitmap(startGfn, npages, from));
    } catch (Throwable t) {
      throw failed("setPageEncBitmap", t);
    }
  }

  @Override
  public Errno resetPageEncBitmap() {
    try {
      return answered(super.resetPageEncBitmap());
    } catch (Throwable t) {
      throw failed("resetPageEncBitmap", t);
    }
  }
}
