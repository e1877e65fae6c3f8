package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.MappingOps;
import dev.cocovisor.api.ops.PopulateCallback;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.TrustedFault;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * As much of KVM as a realm needs: slots with a guest_memfd, attributes, a registry of what was
 * mapped and the fault loop.
 */
final class SmallKvm implements VmContext, HostMachine {
  private record Slot(int id, long baseGfn, long npages) implements SlotView {
    @Override
    public int flags() {
      return 4;
    }

    @Override
    public long userspaceAddr() {
      return USER + (baseGfn << PageLevel.PAGE_SHIFT);
    }

    @Override
    public boolean hasGuestMemfd() {
      return true;
    }
  }

  private record Mapping(long pfn, PageLevel level) {}

  final class Vcpu implements VcpuContext {
    private final int id;
    private @Nullable Object state;
    private Exit exit = new Exit.Unknown();

    Vcpu(int id) {
      this.id = id;
    }

    @Override
    public int id() {
      return id;
    }

    @Override
    public VmContext vm() {
      return SmallKvm.this;
    }

    @Override
    public int cpu() {
      return 0;
    }

    @Override
    public boolean inGuestMode() {
      return false;
    }

    @Override
    public @Nullable Object vendorState() {
      return state;
    }

    @Override
    public void setVendorState(@Nullable Object s) {
      state = s;
    }

    @Override
    public void setExit(Exit e) {
      exit = e;
    }

    @Override
    public void requestTlbFlush() {}
  }

  static final long USER = 0x7000_0000_0000L;
  private static final int MAX_FAULTS = 20;

  final SmallMemory memory = new SmallMemory();
  final Map<Setting, String> settings = new HashMap<>();
  TraceSink trace = TraceSink.OFF;
  final Map<Long, String> leaks = new TreeMap<>();
  private final List<Vcpu> vcpus = new ArrayList<>();
  private final List<Slot> slots = new ArrayList<>();
  private final TreeMap<Long, Long> gmem = new TreeMap<>();
  private final Map<Long, Long> user = new HashMap<>();
  private final Map<Long, Boolean> attributes = new HashMap<>();
  private final TreeMap<Long, Mapping> registry = new TreeMap<>();
  private final ModelLock lock = new ModelLock("mmu_lock");
  private @Nullable Platform platform;
  private @Nullable VmOps ops;

  void start(int vcpuCount) {
    Platform p = new CcaBackend().createPlatform(this);
    platform = p;
    memory.addGuard(p.guard());
    VmOps o = p.createVm(this, VmType.ARM_REALM);
    ops = o;
    KvmTests.ok(o.vmInit());
    for (int i = 0; i < vcpuCount; i++) {
      Vcpu v = new Vcpu(i);
      vcpus.add(v);
      KvmTests.ok(o.vcpuCreate(v));
    }
  }

  VmOps ops() {
    if (ops == null) {
      throw new IllegalStateException("not started");
    }
    return ops;
  }

  Errno plan(TrustedFault fault) {
    return platform().plan(fault);
  }

  Vcpu vcpu(int i) {
    return vcpus.get(i);
  }

  void slot(long gpa, long size) {
    slots.add(new Slot(slots.size(), gpa >>> PageLevel.PAGE_SHIFT, size >>> PageLevel.PAGE_SHIFT));
    for (long g = gpa >>> PageLevel.PAGE_SHIFT; g < (gpa + size) >>> PageLevel.PAGE_SHIFT; g++) {
      attributes.put(g, true);
    }
  }

  /** Backs 2 MiB with one folio. */
  void hugeFolio(long gpa) {
    long pfn = memory.allocate(9);
    for (int i = 0; i < 512; i++) {
      gmem.put((gpa >>> PageLevel.PAGE_SHIFT) + i, pfn + i);
    }
  }

  /** KVM_SET_MEMORY_ATTRIBUTES; nothing is zapped where nothing changes. */
  void convert(long gpa, long size, boolean toPrivate) {
    if (rangeIs(gpa >>> PageLevel.PAGE_SHIFT, (gpa + size) >>> PageLevel.PAGE_SHIFT, toPrivate)) {
      return;
    }
    zapRange(gpa >>> PageLevel.PAGE_SHIFT, (gpa + size) >>> PageLevel.PAGE_SHIFT);
    for (long g = gpa >>> PageLevel.PAGE_SHIFT; g < (gpa + size) >>> PageLevel.PAGE_SHIFT; g++) {
      attributes.put(g, toPrivate);
    }
  }

  /** FALLOC_FL_PUNCH_HOLE of small folios. */
  void punch(long gpa, long size) {
    zapRange(gpa >>> PageLevel.PAGE_SHIFT, (gpa + size) >>> PageLevel.PAGE_SHIFT);
    for (long g = gpa >>> PageLevel.PAGE_SHIFT; g < (gpa + size) >>> PageLevel.PAGE_SHIFT; g++) {
      Long pfn = gmem.remove(g);
      if (pfn != null) {
        ops().gmemInvalidate(pfn, pfn + 1);
        memory.free(pfn, 0);
      }
    }
  }

  RunResult read(int vcpu, long gpa) {
    return access(vcpu, gpa, Access.READ, 0);
  }

  RunResult write(int vcpu, long gpa, int value) {
    return access(vcpu, gpa, Access.WRITE, value);
  }

  RunResult access(int index, long gpa, Access access, int value) {
    Vcpu v = vcpus.get(index);
    Errno e = ops().vcpuPreRun(v);
    if (!e.ok()) {
      return new RunResult(e, new Exit.Unknown());
    }
    boolean isPrivate = (gpa >>> PageLevel.PAGE_SHIFT & RealmOps.SHARED_GFN) == 0;
    for (int i = 0; i < MAX_FAULTS; i++) {
      long hpa = ops().guestWalk(v, gpa, access, isPrivate);
      if (hpa >= 0) {
        return reach(hpa, access, value);
      }
      if (hpa == MappingOps.WALK_EXIT) {
        return RunResult.ok(v.exit);
      }
      if (hpa == MappingOps.WALK_FAULT) {
        RunResult failed = fault(v, gpa, isPrivate);
        if (failed != null) {
          return failed;
        }
      }
    }
    throw new AssertionError("the access faults for ever");
  }

  private RunResult reach(long hpa, Access access, int value) {
    boolean write = access == Access.WRITE;
    Accessor guest = new Accessor(Accessor.Kind.GUEST, id(), 0);
    if (memory.check(guest, hpa >>> PageLevel.PAGE_SHIFT, write) != PhysicalGuard.Verdict.ALLOW) {
      throw new AssertionError("the guard keeps the realm from its own memory");
    }
    if (write) {
      memory.raw().writeByte(hpa, value);
    }
    return RunResult.ok(new Exit.Done(memory.raw().readByte(hpa)));
  }

  private @Nullable RunResult fault(Vcpu v, long gpa, boolean isPrivate) {
    long gfn = (gpa >>> PageLevel.PAGE_SHIFT) & ~RealmOps.SHARED_GFN;
    if (slotOf(gfn) == null) {
      return RunResult.ok(new Exit.Mmio(gfn << PageLevel.PAGE_SHIFT, 1, false));
    }
    if (isPrivate(gfn) != isPrivate) {
      return new RunResult(
          Errno.EFAULT,
          new Exit.MemoryFault(
              isPrivate ? Exit.MemoryFault.PRIVATE : 0, gfn << PageLevel.PAGE_SHIFT, 4096));
    }
    long pfn = isPrivate ? gmemPfn(gfn, true) : userPfn(gfn);
    boolean block = isPrivate && isHuge(gfn);
    long aligned = block ? PageLevel.PG_2M.alignDown(gfn) : gfn;
    long first = pfn - (gfn - aligned);
    PageLevel level =
        ops()
            .delegatedMaxLevel(
                aligned, first, block ? PageLevel.PG_2M : PageLevel.PG_4K, isPrivate);
    if (level == PageLevel.PG_4K) {
      aligned = gfn;
      first = pfn;
    }
    Errno e = ops().mapDelegated(v, aligned, first, level, isPrivate, true);
    if (e.ok()) {
      registry.put(aligned | (isPrivate ? 0 : RealmOps.SHARED_GFN), new Mapping(first, level));
      return null;
    }
    return e == Errno.EEXIST || e == Errno.EAGAIN ? null : new RunResult(e, v.exit);
  }

  private boolean isHuge(long gfn) {
    long base = PageLevel.PG_2M.alignDown(gfn);
    Long first = gmem.get(base);
    Long last = gmem.get(base + 511);
    return first != null && last != null && last == first + 511 && (first & 511) == 0;
  }

  RunResult rsi(int vcpu, GuestAction action) {
    Errno e = ops().vcpuPreRun(vcpus.get(vcpu));
    if (!e.ok()) {
      return new RunResult(e, new Exit.Unknown());
    }
    RunResult result = ops().guestAction(vcpus.get(vcpu), (GuestAction.Vendor) action);
    if (result == null) {
      throw new AssertionError("unknown action");
    }
    return result;
  }

  long ioctl(VendorCommand command) {
    return ops().vmIoctl(command);
  }

  void hostWrite(long gpa, int value) {
    memory
        .raw()
        .writeByte(
            (userPfn(gpa >>> PageLevel.PAGE_SHIFT) << PageLevel.PAGE_SHIFT) | (gpa & 0xfff), value);
  }

  long userAddress(long gpa) {
    return USER + gpa;
  }

  private long userPfn(long gfn) {
    return user.computeIfAbsent(gfn, _ -> memory.allocate(0));
  }

  /** Closes the VM and its files. */
  void destroy() {
    ops().vmPreDestroy();
    for (Vcpu v : vcpus) {
      ops().vcpuFree(v);
    }
    zapRange(0, 1L << 40);
    ops().guestMemoryReclaimed();
    for (long pfn : List.copyOf(gmem.values())) {
      ops().gmemInvalidate(pfn, pfn + 1);
    }
    ops().vmDestroy();
  }

  Platform platform() {
    if (platform == null) {
      throw new IllegalStateException("not started");
    }
    return platform;
  }

  int gmemFrames() {
    return gmem.size();
  }

  int userFrames() {
    return user.size();
  }

  // VmContext.

  @Override
  public int id() {
    return 1;
  }

  @Override
  public VmType type() {
    return VmType.ARM_REALM;
  }

  @Override
  public HostMachine host() {
    return this;
  }

  @Override
  public List<? extends VcpuContext> vcpus() {
    return vcpus;
  }

  @Override
  public ModelLock kvmLock() {
    return lock;
  }

  @Override
  public ModelLock slotsLock() {
    return lock;
  }

  @Override
  public ModelLock mmuLock() {
    return lock;
  }

  @Override
  public void kickVcpus() {}

  @Override
  public void flushRemoteTlbs() {}

  @Override
  public Errno splitRange(long gfnStart, long gfnEnd) {
    return Errno.OK;
  }

  @Override
  public Errno splitTo(long gfn, PageLevel level) {
    return Errno.OK;
  }

  @Override
  public void zapRange(long gfnStart, long gfnEnd) {
    zapHalf(gfnStart, gfnEnd, 0);
    zapHalf(gfnStart, gfnEnd, RealmOps.SHARED_GFN);
  }

  private void zapHalf(long start, long end, long half) {
    long from = PageLevel.PG_2M.alignDown(start) | half;
    for (long key :
        List.copyOf(
            registry
                .subMap(from, Math.max(from, half + Math.min(end, RealmOps.SHARED_GFN)))
                .keySet())) {
      Mapping m = registry.get(key);
      long gfn = key & ~half;
      if (m == null || gfn + m.level.pages() <= start) {
        continue;
      }
      boolean cut = gfn < start || gfn + m.level.pages() > end;
      if (cut && ops().splitDelegated(gfn, m.level, half == 0).ok()) {
        for (long i = 0; i < m.level.pages(); i++) {
          registry.put((gfn + i) | half, new Mapping(m.pfn + i, PageLevel.PG_4K));
        }
        zapHalf(start, end, half);
        return;
      }
      if (ops().unmapDelegated(key & ~half, m.pfn, m.level, half == 0).ok()) {
        registry.remove(key);
      }
    }
  }

  @Override
  public Errno mapPage(VcpuContext vcpu, long gpa, boolean isPrivate) {
    RunResult failed = fault((Vcpu) vcpu, gpa, isPrivate);
    return failed == null ? Errno.OK : Errno.EFAULT;
  }

  @Override
  public @Nullable PageLevel mappedLevel(long gfn, boolean isPrivate) {
    Mapping m = registry.get(gfn | (isPrivate ? 0 : RealmOps.SHARED_GFN));
    return m == null ? null : m.level;
  }

  @Override
  public long mappedPfn(long gfn, boolean isPrivate) {
    Mapping m = registry.get(gfn | (isPrivate ? 0 : RealmOps.SHARED_GFN));
    return m == null ? -1 : m.pfn;
  }

  @Override
  public @Nullable SlotView slotOf(long gfn) {
    for (Slot s : slots) {
      if (gfn >= s.baseGfn && gfn < s.endGfn()) {
        return s;
      }
    }
    return null;
  }

  @Override
  public List<? extends SlotView> slots() {
    return slots;
  }

  @Override
  public boolean isPrivate(long gfn) {
    return attributes.getOrDefault(gfn, false);
  }

  @Override
  public boolean rangeIs(long gfnStart, long gfnEnd, boolean isPrivate) {
    for (long g = gfnStart; g < gfnEnd; g++) {
      if (isPrivate(g) != isPrivate) {
        return false;
      }
    }
    return true;
  }

  @Override
  public long populate(long gfn, long userAddress, long npages, PopulateCallback each) {
    for (long i = 0; i < npages; i++) {
      Errno e =
          each.populated(
              gfn + i, gmemPfn(gfn + i, true), userAddress + (i << PageLevel.PAGE_SHIFT), 0);
      if (!e.ok()) {
        return i > 0 ? i : -e.number();
      }
    }
    return npages;
  }

  @Override
  public long gmemPfn(long gfn, boolean allocate) {
    return gmem.computeIfAbsent(gfn, _ -> memory.allocate(0));
  }

  @Override
  public Errno copyFromUser(long userAddress, byte[] into, int offset, int length) {
    return Errno.EFAULT;
  }

  @Override
  public Errno copyToUser(long userAddress, byte[] from, int offset, int length) {
    return Errno.EFAULT;
  }

  @Override
  public long pinUserPage(long userAddress) {
    return userPfn((userAddress - USER) >>> PageLevel.PAGE_SHIFT);
  }

  @Override
  public void unpinUserPage(long pfn) {}

  @Override
  public void bug(String why) {
    throw new AssertionError(why);
  }

  @Override
  public boolean isDead() {
    return false;
  }

  @Override
  public void leak(long pfn, long count, String why) {
    for (long p = pfn; p < pfn + count; p++) {
      leaks.put(p, why);
    }
  }

  @Override
  public void regained(long pfn) {
    leaks.remove(pfn);
  }

  // HostMachine.

  @Override
  public Architecture architecture() {
    return Architecture.ARM64;
  }

  @Override
  public SmallMemory memory() {
    return memory;
  }

  @Override
  public int cpus() {
    return 1;
  }

  @Override
  public TraceSink trace() {
    return trace;
  }

  @Override
  public String setting(Setting setting) {
    return settings.getOrDefault(setting, setting.byDefault());
  }
}
