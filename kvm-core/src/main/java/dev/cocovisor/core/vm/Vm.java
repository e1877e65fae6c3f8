package dev.cocovisor.core.vm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.core.attr.AttributeTree;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.gmem.BindingOwner;
import dev.cocovisor.core.gmem.Folio;
import dev.cocovisor.core.mem.AddressSpace;
import dev.cocovisor.core.mem.MmuNotifier;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.mmu.DelegatedStage;
import dev.cocovisor.core.mmu.MmuHost;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.mmu.TdpMmu;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.slot.MemSlots;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One VM (struct kvm): slots, attributes, second stage, vCPUs, hooks, locks.
 *
 * <p><b>Life.</b> Created with one reference for its descriptor; vCPUs and guest_memfds hold one
 * each. With the last one it goes: pre-destroy hook, notifier off, vCPUs freed, everything zapped,
 * memory reclaimed, slots unbound, destroy hook.
 *
 * <p><b>Locks</b>, in order: kvm lock, vCPU mutex, slots_lock, a guest_memfd's invalidate lock,
 * mmu_lock. Readers of slots and attributes take none; the invalidation sequence tells a fault that
 * it read something old. Source: {@code virt/kvm/kvm_main.c}.
 */
public final class Vm implements MmuHost, BindingOwner, MmuNotifier {
  private final int id;
  private final VmType type;
  private final HostMachine host;
  private final PhysicalHost memory;
  private final AddressSpace space;
  private final VmSettings settings;
  private final VmContextView context = new VmContextView(this);
  private final ModelLock kvmLock = new ModelLock("kvm->lock");
  private final ModelLock slotsLock = new ModelLock("kvm->slots_lock");
  private final ModelLock mmuLock = ModelLock.manyReaders("kvm->mmu_lock");
  private final Invalidation invalidation = new Invalidation();
  private final AttributeTree attributes = new AttributeTree();
  private final MemSlots[] slots = {MemSlots.empty(0), MemSlots.empty(1)};
  private final List<Vcpu> vcpus = new ArrayList<>();
  private final List<String> leaks = new ArrayList<>();
  private final VmOps ops;
  private final VmTraits traits;
  private final SecondStage stage;
  private final FaultHandler faults;
  private final Prefault prefault;
  private final MemoryRegions regions;
  private final MemoryAttributesIoctl attributesIoctl;
  private volatile Vcpu[] vcpuArray = {};
  private volatile boolean dead;
  private @Nullable String bugText;
  private long hypercallExits;
  private long leakedFrames;
  private int references = 1;
  private boolean destroyed;

  /** Makes the vendor half of a VM. */
  @FunctionalInterface
  public interface OpsFactory {
    /** Returns the hooks for the VM that {@code context} shows. */
    VmOps create(VmContext context, VmType type);
  }

  /** Creates a VM; {@link #init} must follow. */
  public Vm(
      int id,
      VmType type,
      HostMachine host,
      PhysicalHost memory,
      AddressSpace space,
      VmSettings settings,
      OpsFactory factory) {
    this.id = id;
    this.type = type;
    this.host = host;
    this.memory = memory;
    this.space = space;
    this.settings = settings;
    this.ops = factory.create(context, type);
    this.traits = ops.traits();
    this.stage =
        traits.shape() == StageShape.DELEGATED
            ? new DelegatedStage(this)
            : new TdpMmu(this, traits.shape() == StageShape.MIRRORED);
    this.faults = new FaultHandler(this);
    this.prefault = new Prefault(this);
    this.regions = new MemoryRegions(this);
    this.attributesIoctl = new MemoryAttributesIoctl(this);
  }

  /** Runs the vendor's vm_init and starts to listen to the process's mappings. */
  public Errno init() {
    Errno r = ops.vmInit();
    if (r.ok()) {
      space.register(this);
    }
    return r;
  }

  // References.

  /** Adds a reference (kvm_get_kvm). */
  public void get() {
    references++;
  }

  /** Gives a reference up; the last one destroys the VM (kvm_put_kvm). */
  public void put() {
    if (--references == 0) {
      destroy();
    }
  }

  private void destroy() {
    destroyed = true;
    ops.vmPreDestroy();
    space.unregister(this);
    for (Vcpu v : vcpus) {
      ops.vcpuFree(v);
    }
    mmuLock.lock();
    stage.destroy();
    mmuLock.unlock();
    ops.guestMemoryReclaimed();
    for (MemSlots set : slots) {
      for (int i = 0; i < set.size(); i++) {
        regions.unbind(set.at(i));
      }
    }
    ops.vmDestroy();
  }

  /** Tells whether the last reference went. */
  public boolean isDestroyed() {
    return destroyed;
  }

  // What the ioctls are.

  /** KVM_SET_USER_MEMORY_REGION or, with a guest_memfd's fields, ..2; see MemoryRegions. */
  public Errno setMemoryRegion(
      boolean v1,
      long slot,
      long flags,
      long gpa,
      long size,
      long uaddr,
      long offset,
      boolean fdOpen,
      @Nullable BackingStore store) {
    return dead ? Errno.EIO : regions.set(v1, slot, flags, gpa, size, uaddr, offset, fdOpen, store);
  }

  /** KVM_SET_MEMORY_ATTRIBUTES. */
  public Errno setMemoryAttributes(long address, long size, long attrs, long flags) {
    return dead ? Errno.EIO : attributesIoctl.set(address, size, attrs, flags);
  }

  /** KVM_CREATE_VCPU, without the descriptor. The result is in {@link #vcpu}. */
  public Errno createVcpu(int vcpuId) {
    if (dead) {
      return Errno.EIO;
    }
    if (vcpuId < 0 || vcpuId >= VmSettings.MAX_VCPU_IDS) {
      return Errno.EINVAL;
    }
    kvmLock.lock();
    try {
      if (vcpus.size() >= VmSettings.MAX_VCPUS) {
        return Errno.EINVAL;
      }
      if (vcpu(vcpuId) != null) {
        return Errno.EEXIST;
      }
      Vcpu v = new Vcpu(this, vcpuId, vcpus.size() % Math.max(1, host.cpus()));
      Errno r = ops.vcpuCreate(v);
      if (r.ok()) {
        vcpus.add(v);
        vcpuArray = vcpus.toArray(Vcpu[]::new);
      }
      return r;
    } finally {
      kvmLock.unlock();
    }
  }

  /** Returns the vCPU with an id, or null. */
  public @Nullable Vcpu vcpu(int vcpuId) {
    for (Vcpu v : vcpuArray) {
      if (v.id() == vcpuId) {
        return v;
      }
    }
    return null;
  }

  /** KVM_ENABLE_CAP. Source: {@code x86.c}, kvm_vm_ioctl_enable_cap. */
  public Errno enableCap(int cap, long flags, long arg0) {
    if (dead) {
      return Errno.EIO;
    }
    if (flags != 0) {
      return Errno.EINVAL;
    }
    if (cap == VmSettings.CAP_EXIT_HYPERCALL && host.architecture() == Architecture.X86_64) {
      if ((arg0 & ~VmSettings.EXIT_HYPERCALL_VALID) != 0) {
        return Errno.EINVAL;
      }
      hypercallExits = arg0;
      return Errno.OK;
    }
    kvmLock.lock();
    try {
      return ops.enableCap(cap, flags, arg0);
    } finally {
      kvmLock.unlock();
    }
  }

  /** KVM_PRE_FAULT_MEMORY, or KVM_MAP_MEMORY; see Prefault. */
  long prefault(Vcpu vcpu, long flags, long[] range, boolean mapMemory) {
    return prefault.run(vcpu, flags, range, mapMemory);
  }

  Errno mapPage(Vcpu vcpu, long gpa, boolean isPrivate) {
    long r = prefault.map(vcpu, (gpa >>> 12) & ~traits.sharedGfnMask(), isPrivate);
    return r < 0 ? Errno.of((int) -r) : Errno.OK;
  }

  boolean exitsOn(long hypercall) {
    return hypercall < 64 && (hypercallExits >>> hypercall & 1) != 0;
  }

  // State that the parts share.

  /** Returns the number unique on the host. */
  public int id() {
    return id;
  }

  /** Returns the type. */
  public VmType type() {
    return type;
  }

  /** Returns the host. */
  public HostMachine host() {
    return host;
  }

  /** Returns what backends see of this VM. */
  public VmContext context() {
    return context;
  }

  @Override
  public VmOps ops() {
    return ops;
  }

  /** Returns what is special about the type. */
  public VmTraits traits() {
    return traits;
  }

  @Override
  public PhysicalHost memory() {
    return memory;
  }

  /** Returns the address space of the process that created the VM. */
  public AddressSpace space() {
    return space;
  }

  /** Returns the second stage. */
  public SecondStage stage() {
    return stage;
  }

  /** Returns the attributes. */
  public AttributeTree attributes() {
    return attributes;
  }

  Invalidation invalidation() {
    return invalidation;
  }

  FaultHandler faults() {
    return faults;
  }

  ModelLock kvmLock() {
    return kvmLock;
  }

  ModelLock slotsLock() {
    return slotsLock;
  }

  @Override
  public ModelLock mmuLock() {
    return mmuLock;
  }

  Vcpu[] vcpuArray() {
    return vcpuArray;
  }

  /** Returns the slots of an address space. */
  public MemSlots slotsOf(int as) {
    return (MemSlots) VmSettings.SLOTS.getAcquire(slots, as);
  }

  /** Swaps a slot and the generation (kvm_replace_memslot, kvm_swap_active_memslots). */
  void publish(int as, @Nullable MemSlot old, @Nullable MemSlot now) {
    slotsLock.assertExclusive();
    BackingStore store = now == null ? null : now.gmem();
    if (old != null && now != null && store != null) {
      store.rebind(old, now);
    }
    VmSettings.SLOTS.setRelease(
        slots, as, slotsOf(as).replace(old == null ? null : slotsOf(as).byId(old.id()), now, 2));
  }

  /** One address space where memory can be private, else two: the second is SMM's. */
  int addressSpaces() {
    return traits.hasPrivateMemory() || host.architecture() != Architecture.X86_64 ? 1 : 2;
  }

  boolean tdpMmu() {
    return settings.tdpMmu();
  }

  int maxLevel() {
    return settings.tdpMmu() ? settings.maxLevel() : Math.min(2, settings.maxLevel());
  }

  long maxGfn() {
    return VmSettings.MAX_GFN;
  }

  boolean cachesMmio() {
    return host.architecture() == Architecture.X86_64 && traits.shape() != StageShape.DELEGATED;
  }

  long memoryFaultBatch() {
    return settings.memoryFaultBatch();
  }

  boolean mapMemoryRefusesGuestMode() {
    return settings.mapMemoryRefusesGuestMode();
  }

  /**
   * Default VMs throw all mappings away when a slot goes or moves (KVM_X86_QUIRK_SLOT_ZAP_ALL);
   * other types zap the slot alone.
   */
  boolean zapsAllOnSlotChange() {
    return type.equals(VmType.X86_DEFAULT) && settings.slotZapAll();
  }

  long supportedAttributes() {
    return traits.hasPrivateMemory() && traits.privateRule() != PrivateRule.ALWAYS
        ? MemoryAttributesIoctl.PRIVATE
        : 0;
  }

  /** Tells whether a gfn has KVM_MEMORY_ATTRIBUTE_PRIVATE. */
  public boolean isPrivate(long gfn) {
    return (attributes.get(gfn) & MemoryAttributesIoctl.PRIVATE) != 0;
  }

  boolean prefaultsPrivate(long gfn) {
    return traits.privateRule() == PrivateRule.ALWAYS
        || (traits.hasPrivateMemory() && isPrivate(gfn));
  }

  /** The roots that hold private or shared memory (kvm_gfn_range_filter_to_root_types). */
  int rootsOf(boolean privateSide) {
    return stage.hasPrivateRoot() && privateSide ? SecondStage.PRIVATE_ROOT : SecondStage.DIRECT;
  }

  int recoverLevel(MemSlot slot, long gfn) {
    return faults.maxLevel(slot, gfn, isPrivate(gfn), maxLevel());
  }

  /** Lets the vendor make a folio private, once in the folio's life. */
  Errno prepareFolio(BackingStore store, long index, long gfn, long page) {
    ModelLock lock = store.invalidateLock();
    boolean mine = !lock.heldExclusive();
    if (mine) {
      lock.lockShared();
    }
    try {
      int order = Folio.order(page);
      long into = index & ((1L << order) - 1);
      Errno r = ops.gmemPrepare(gfn - into, Folio.pfn(page) - into, order);
      traceHook("gmem_prepare", gfn - into, order, Folio.pfn(page) - into, r.name());
      if (r.ok()) {
        store.markPrepared(index, true);
      }
      return r;
    } finally {
      if (mine) {
        lock.unlockShared();
      }
    }
  }

  @Override
  public void flushRemoteTlbs() {
    for (Vcpu v : vcpuArray) {
      v.requestTlbFlush();
    }
  }

  // KVM_BUG_ON and leaks.

  @Override
  public void bug(String why) {
    dead = true;
    if (bugText == null) {
      bugText = why;
    }
  }

  /** Tells whether the VM was marked dead. */
  public boolean isDead() {
    return dead;
  }

  /** Returns why the VM is dead, null if it is not. */
  public @Nullable String bugText() {
    return bugText;
  }

  @Override
  public void leak(long pfn, long count, String why) {
    leakedFrames += count;
    leaks.add("frame 0x" + Long.toHexString(pfn) + "+" + count + ": " + why);
  }

  /** Returns the number of frames the VM lost for good. */
  public long leakedFrames() {
    return leakedFrames;
  }

  // Trace.

  @Override
  public void traceCore(String name, long gfnStart, long gfnEnd) {
    if (host.trace().enabled()) {
      emit(
          TraceEvent.Kind.CORE,
          name,
          "gfn=0x" + Long.toHexString(gfnStart) + "..0x" + Long.toHexString(gfnEnd),
          "");
    }
  }

  @Override
  public void traceHook(String name, long gfn, int level, long pfn, String result) {
    if (host.trace().enabled()) {
      emit(
          TraceEvent.Kind.HOOK,
          name,
          "gfn=0x"
              + Long.toHexString(gfn)
              + ", level="
              + level
              + ", pfn=0x"
              + Long.toHexString(pfn),
          result);
    }
  }

  private void emit(TraceEvent.Kind kind, String name, String arguments, String result) {
    host.trace().emit(new TraceEvent(kind, name, arguments, result));
  }

  // MMU notifier: the process's mappings change.

  // Every start has its end, whatever happens to the slots between: the sequence moves even where
  // no slot is hit, which costs a retry and no more.
  @Override
  public void invalidateRangeStart(long start, long end) {
    boolean flush = false;
    mmuLock.lock();
    invalidation.begin();
    for (int as = 0; as < addressSpaces(); as++) {
      MemSlots set = slotsOf(as);
      for (int i = 0; i < set.size(); i++) {
        MemSlot s = set.at(i);
        long from = Math.max(start, s.userspaceAddr());
        long to = Math.min(end, s.userspaceAddr() + (s.npages() << PageLevel.PAGE_SHIFT));
        if (from >= to) {
          continue;
        }
        long gfnStart = s.baseGfn() + ((from - s.userspaceAddr()) >>> PageLevel.PAGE_SHIFT);
        long gfnEnd = s.baseGfn() + ((to - s.userspaceAddr() + 4095) >>> PageLevel.PAGE_SHIFT);
        invalidation.add(gfnStart, gfnEnd);
        if (as == 0) {
          int roots = traits.privateFromUserMemory() ? SecondStage.BOTH : rootsOf(false);
          flush |= stage.zapLeafs(gfnStart, gfnEnd, roots, true);
        }
      }
    }
    if (flush) {
      flushRemoteTlbs();
    }
    mmuLock.unlock();
  }

  @Override
  public void invalidateRangeEnd(long start, long end) {
    mmuLock.lock();
    invalidation.end();
    mmuLock.unlock();
  }

  // guest_memfd: its pages change.

  @Override
  public Errno gmemInvalidateBegin(
      List<MemSlot> bound, long startPage, long endPage, boolean shared) {
    mmuLock.lock();
    try {
      int roots = rootsOf(!shared);
      for (int pass = 0; pass < 2; pass++) {
        boolean flush = false;
        if (pass == 1) {
          invalidation.begin();
        }
        for (MemSlot s : bound) {
          long first = Math.max(s.gmemPage(), startPage) - s.gmemPage();
          long last = Math.min(s.gmemPage() + s.npages(), endPage) - s.gmemPage();
          if (pass == 0 && roots == SecondStage.PRIVATE_ROOT) {
            Errno r = stage.splitBoundaryLeafs(s.baseGfn() + first, s.baseGfn() + last);
            if (!r.ok()) {
              flushRemoteTlbs();
              return r;
            }
          } else if (pass == 1) {
            invalidation.add(s.baseGfn() + first, s.baseGfn() + last);
            flush |= stage.zapLeafs(s.baseGfn() + first, s.baseGfn() + last, roots, false);
          }
        }
        if (flush) {
          flushRemoteTlbs();
        }
      }
      return Errno.OK;
    } finally {
      mmuLock.unlock();
    }
  }

  @Override
  public void gmemInvalidateEnd() {
    mmuLock.lock();
    invalidation.end();
    mmuLock.unlock();
  }

  @Override
  public void gmemFreed(long pfnStart, long pfnEnd) {
    ops.gmemInvalidate(pfnStart, pfnEnd);
  }

  @Override
  public void gmemOpened() {
    get();
  }

  @Override
  public void gmemClosed() {
    put();
  }

  @Override
  public void lockSlots() {
    slotsLock.lock();
  }

  @Override
  public void unlockSlots() {
    slotsLock.unlock();
  }
}
