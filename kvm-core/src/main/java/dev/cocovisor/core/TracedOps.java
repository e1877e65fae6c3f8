package dev.cocovisor.core;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.uapi.MemoryMapping;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Tells a sink of every hook the core calls, by its kernel name, with what happened inside.
 *
 * <p>Wrapped around a vendor half only where somebody listens, so that a run without a trace takes
 * the straight way. A hook the vendor leaves to its default is not told: the kernel's table has no
 * entry for it and nothing is called. Questions to the hardware (walks, checks of a translation)
 * are no hooks.
 */
final class TracedOps extends ForwardingVmOps {
  private final TraceSink sink;
  private final Set<String> implemented = new HashSet<>();

  TracedOps(VmOps delegate, TraceSink sink) {
    super(delegate);
    this.sink = sink;
    for (Method m : unwrap(delegate).getClass().getMethods()) {
      if (!m.getDeclaringClass().isInterface()) {
        implemented.add(m.getName());
      }
    }
  }

  /** Returns the kernel's names of the hooks that a vendor half does not leave to their default. */
  static SortedSet<String> hooksOf(VmOps ops) {
    Set<String> own = new TracedOps(ops, TraceSink.OFF).implemented;
    var names = new TreeSet<String>();
    for (Method m : TracedOps.class.getDeclaredMethods()) {
      if (Modifier.isPublic(m.getModifiers()) && own.contains(m.getName())) {
        names.add(m.getName().replaceAll("(?=[A-Z])", "_").toLowerCase(Locale.ROOT));
      }
    }
    return names;
  }

  private <T> T told(
      String method, String hook, String arguments, Supplier<T> call, Function<T, String> result) {
    if (!implemented.contains(method)) {
      return call.get();
    }
    sink.begin();
    String said = "threw";
    try {
      T r = call.get();
      said = result.apply(r);
      return r;
    } finally {
      sink.end(new TraceEvent(TraceEvent.Kind.HOOK, hook, arguments, said));
    }
  }

  private Errno errno(String method, String hook, String arguments, Supplier<Errno> call) {
    return told(method, hook, arguments, call, Errno::name);
  }

  private void nothing(String method, String hook, String arguments, Runnable call) {
    told(
        method,
        hook,
        arguments,
        () -> {
          call.run();
          return "";
        },
        r -> r);
  }

  private long number(String method, String hook, String arguments, Supplier<Long> call) {
    return told(
        method, hook, arguments, call, r -> r < 0 ? Errno.of((int) -r).name() : Long.toString(r));
  }

  private static String page(long gfn, PageLevel level, long pfn) {
    return "gfn=" + hex(gfn) + ", level=" + level.number() + ", pfn=" + hex(pfn);
  }

  private static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }

  // Life cycle.

  @Override
  public Errno vmInit() {
    return errno("vmInit", "vm_init", "", super::vmInit);
  }

  @Override
  public void vmPreDestroy() {
    nothing("vmPreDestroy", "vm_pre_destroy", "", super::vmPreDestroy);
  }

  @Override
  public void vmDestroy() {
    nothing("vmDestroy", "vm_destroy", "", super::vmDestroy);
  }

  @Override
  public Errno vcpuCreate(VcpuContext vcpu) {
    return errno("vcpuCreate", "vcpu_create", "", () -> super.vcpuCreate(vcpu));
  }

  @Override
  public void vcpuFree(VcpuContext vcpu) {
    nothing("vcpuFree", "vcpu_free", "", () -> super.vcpuFree(vcpu));
  }

  @Override
  public Errno vcpuPreRun(VcpuContext vcpu) {
    return errno("vcpuPreRun", "vcpu_pre_run", "", () -> super.vcpuPreRun(vcpu));
  }

  @Override
  public Errno prepareMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    return errno(
        "prepareMemoryRegion",
        "prepare_memory_region",
        slot(change, old, now),
        () -> super.prepareMemoryRegion(change, old, now));
  }

  @Override
  public void commitMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    nothing(
        "commitMemoryRegion",
        "commit_memory_region",
        slot(change, old, now),
        () -> super.commitMemoryRegion(change, old, now));
  }

  private static String slot(SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    SlotView s = now != null ? now : old;
    return "change=" + change + (s == null ? "" : ", gfn=" + hex(s.baseGfn()));
  }

  @Override
  public Errno enableCap(int cap, long flags, long arg0) {
    return errno(
        "enableCap",
        "enable_cap",
        "cap=" + cap + ", arg0=" + hex(arg0),
        () -> super.enableCap(cap, flags, arg0));
  }

  @Override
  public long vmIoctl(VendorCommand command) {
    return number("vmIoctl", "vm_ioctl", command.name(), () -> super.vmIoctl(command));
  }

  @Override
  public long vcpuIoctl(VcpuContext vcpu, VendorCommand command) {
    return number("vcpuIoctl", "vcpu_ioctl", command.name(), () -> super.vcpuIoctl(vcpu, command));
  }

  // Mapping.

  @Override
  public Errno preMmuMapPage(VcpuContext vcpu, MemoryMapping mapping, boolean isPrivate) {
    return errno(
        "preMmuMapPage",
        "pre_mmu_map_page",
        "gpa=" + hex(mapping.base_address()) + ", private=" + isPrivate,
        () -> super.preMmuMapPage(vcpu, mapping, isPrivate));
  }

  @Override
  public @Nullable PageLevel privateMaxMappingLevel(
      @Nullable VcpuContext vcpu, long pfn, long gfn, boolean prefetch) {
    if (!implemented.contains("privateMaxMappingLevel")) {
      return super.privateMaxMappingLevel(vcpu, pfn, gfn, prefetch);
    }
    sink.begin();
    PageLevel level = super.privateMaxMappingLevel(vcpu, pfn, gfn, prefetch);
    level("private_max_mapping_level", "pfn=" + hex(pfn) + ", gfn=" + hex(gfn), level);
    return level;
  }

  @Override
  public @Nullable PageLevel gmemMaxMappingLevel(long pfn, int order, boolean isPrivate) {
    if (!implemented.contains("gmemMaxMappingLevel")) {
      return super.gmemMaxMappingLevel(pfn, order, isPrivate);
    }
    sink.begin();
    PageLevel level = super.gmemMaxMappingLevel(pfn, order, isPrivate);
    level("gmem_max_mapping_level", "pfn=" + hex(pfn) + ", order=" + order, level);
    return level;
  }

  private void level(String hook, String arguments, @Nullable PageLevel level) {
    String said = level == null ? "no opinion" : Integer.toString(level.number());
    sink.end(new TraceEvent(TraceEvent.Kind.HOOK, hook, arguments, said));
  }

  @Override
  public void guestMemoryReclaimed() {
    nothing("guestMemoryReclaimed", "guest_memory_reclaimed", "", super::guestMemoryReclaimed);
  }

  // External tables.

  @Override
  public Errno linkExternalSpt(long gfn, PageLevel level, long sptPfn) {
    return errno(
        "linkExternalSpt",
        "link_external_spt",
        page(gfn, level, sptPfn),
        () -> super.linkExternalSpt(gfn, level, sptPfn));
  }

  @Override
  public Errno setExternalSpte(long gfn, PageLevel level, long pfn) {
    return errno(
        "setExternalSpte",
        "set_external_spte",
        page(gfn, level, pfn),
        () -> super.setExternalSpte(gfn, level, pfn));
  }

  @Override
  public Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
    return errno(
        "removeExternalSpte",
        "remove_external_spte",
        page(gfn, level, pfn),
        () -> super.removeExternalSpte(gfn, level, pfn));
  }

  @Override
  public Errno splitExternalSpt(long gfn, PageLevel level, long pfn, long sptPfn, boolean shared) {
    return errno(
        "splitExternalSpt",
        "split_external_spt",
        page(gfn, level, pfn) + (shared ? ", mmu_lock=shared" : ""),
        () -> super.splitExternalSpt(gfn, level, pfn, sptPfn, shared));
  }

  @Override
  public Errno freeExternalSpt(long gfn, PageLevel level, long sptPfn) {
    return errno(
        "freeExternalSpt",
        "free_external_spt",
        page(gfn, level, sptPfn),
        () -> super.freeExternalSpt(gfn, level, sptPfn));
  }

  // A trusted half that keeps the tables itself.

  @Override
  public Errno mapDelegated(
      VcpuContext vcpu, long gfn, long pfn, PageLevel level, boolean isPrivate, boolean writable) {
    return errno(
        "mapDelegated",
        "map_delegated",
        page(gfn, level, pfn),
        () -> super.mapDelegated(vcpu, gfn, pfn, level, isPrivate, writable));
  }

  @Override
  public Errno refaultDelegated(VcpuContext vcpu, long gfn, boolean isPrivate) {
    return errno(
        "refaultDelegated",
        "refault_delegated",
        "gfn=" + hex(gfn),
        () -> super.refaultDelegated(vcpu, gfn, isPrivate));
  }

  @Override
  public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
    return errno(
        "unmapDelegated",
        "unmap_delegated",
        page(gfn, level, pfn),
        () -> super.unmapDelegated(gfn, pfn, level, isPrivate));
  }

  @Override
  public Errno splitDelegated(long gfn, PageLevel level, boolean isPrivate) {
    return errno(
        "splitDelegated",
        "split_delegated",
        "gfn=" + hex(gfn) + ", level=" + level.number(),
        () -> super.splitDelegated(gfn, level, isPrivate));
  }

  // guest_memfd.

  @Override
  public Errno gmemPrepare(long gfn, long pfn, int order) {
    return errno(
        "gmemPrepare",
        "gmem_prepare",
        folio(gfn, pfn, order),
        () -> super.gmemPrepare(gfn, pfn, order));
  }

  @Override
  public void gmemInvalidate(long pfnStart, long pfnEnd) {
    nothing(
        "gmemInvalidate",
        "gmem_invalidate",
        "pfn=" + hex(pfnStart) + ".." + hex(pfnEnd),
        () -> super.gmemInvalidate(pfnStart, pfnEnd));
  }

  @Override
  public void gmemInvalidateRange(long gfnStart, long gfnEnd) {
    nothing(
        "gmemInvalidateRange",
        "gmem_invalidate_range",
        "gfn=" + hex(gfnStart) + ".." + hex(gfnEnd),
        () -> super.gmemInvalidateRange(gfnStart, gfnEnd));
  }

  @Override
  public Errno gmemMakePrivate(long gfn, long pfn, int order) {
    return errno(
        "gmemMakePrivate",
        "gmem_make_private",
        folio(gfn, pfn, order),
        () -> super.gmemMakePrivate(gfn, pfn, order));
  }

  @Override
  public Errno gmemMakeShared(long gfn, long pfn, int order) {
    return errno(
        "gmemMakeShared",
        "gmem_make_shared",
        folio(gfn, pfn, order),
        () -> super.gmemMakeShared(gfn, pfn, order));
  }

  private static String folio(long gfn, long pfn, int order) {
    return "gfn=" + hex(gfn) + ", pfn=" + hex(pfn) + ", order=" + order;
  }

  // Encryption and migration.

  @Override
  public long memEncIoctl(VendorCommand command) {
    return number("memEncIoctl", "mem_enc_ioctl", command.name(), () -> super.memEncIoctl(command));
  }

  @Override
  public long vcpuMemEncIoctl(VcpuContext vcpu, VendorCommand command) {
    return number(
        "vcpuMemEncIoctl",
        "vcpu_mem_enc_ioctl",
        command.name(),
        () -> super.vcpuMemEncIoctl(vcpu, command));
  }

  @Override
  public Errno memEncRegisterRegion(long addr, long size) {
    return errno(
        "memEncRegisterRegion",
        "mem_enc_register_region",
        "addr=" + hex(addr) + ", size=" + hex(size),
        () -> super.memEncRegisterRegion(addr, size));
  }

  @Override
  public Errno memEncUnregisterRegion(long addr, long size) {
    return errno(
        "memEncUnregisterRegion",
        "mem_enc_unregister_region",
        "addr=" + hex(addr) + ", size=" + hex(size),
        () -> super.memEncUnregisterRegion(addr, size));
  }

  @Override
  public Errno vmCopyEncContextFrom(VmOps source) {
    return errno(
        "vmCopyEncContextFrom",
        "vm_copy_enc_context_from",
        "",
        () -> super.vmCopyEncContextFrom(source));
  }

  @Override
  public Errno vmMoveEncContextFrom(VmOps source) {
    return errno(
        "vmMoveEncContextFrom",
        "vm_move_enc_context_from",
        "",
        () -> super.vmMoveEncContextFrom(source));
  }

  @Override
  public Errno pageEncStatusHc(VcpuContext vcpu, long gpa, long npages, boolean encrypted) {
    return errno(
        "pageEncStatusHc",
        "page_enc_status_hc",
        "gpa=" + hex(gpa) + ", npages=" + npages + ", enc=" + encrypted,
        () -> super.pageEncStatusHc(vcpu, gpa, npages, encrypted));
  }

  @Override
  public Errno getPageEncBitmap(long startGfn, long npages, long[] into) {
    return errno(
        "getPageEncBitmap",
        "get_page_enc_bitmap",
        "gfn=" + hex(startGfn) + ", npages=" + npages,
        () -> super.getPageEncBitmap(startGfn, npages, into));
  }

  @Override
  public Errno setPageEncBitmap(long startGfn, long npages, long[] from) {
    return errno(
        "setPageEncBitmap",
        "set_page_enc_bitmap",
        "gfn=" + hex(startGfn) + ", npages=" + npages,
        () -> super.setPageEncBitmap(startGfn, npages, from));
  }

  @Override
  public Errno resetPageEncBitmap() {
    return errno("resetPageEncBitmap", "reset_page_enc_bitmap", "", super::resetPageEncBitmap);
  }
}
