package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.RefCount;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.api.sched.Srcu;
import dev.cocovisor.core.attr.AttributeStore;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.gmem.BindingOwner;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.mmu.MmuHost;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.slot.MemSlots;
import java.util.List;
import java.util.function.LongFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One VM (struct kvm): slots, attributes, second stage, vCPUs, hooks, locks.
 *
 * <p><b>Life.</b> Created with one reference for its descriptor; vCPUs and guest_memfds hold one
 * each. With the last one it goes: pre-destroy hook, notifier off, vCPUs freed, everything zapped,
 * memory reclaimed, slots unbound, destroy hook.
 *
 * <p><b>Locks</b>, in order: kvm lock, vCPU mutex, slots_lock, a guest_memfd's invalidate lock,
 * mmap_lock, mmu_lock. Readers of slots are in a section of SRCU, for which whoever changes slots
 * waits; the invalidation sequence tells a fault that the page it looked up may be gone; a flush
 * waits for vCPUs that are in the guest ({@link VcpuRequests}). Source: {@code
 * virt/kvm/kvm_main.c}; {@code Documentation/virt/kvm/locking.rst}.
 *
 * <p><b>Parts.</b> What a VM does is done by its parts, which share the state below: {@link
 * MemoryRegions} and {@link SlotSets} (slots), {@link MemoryAttributesIoctl}, {@link FaultHandler}
 * and {@link Prefault} (mapping), {@link UserMappings} and {@link PrivateFiles} (memory that goes),
 * {@link VcpuSet}, {@link VmCapabilities}, {@link Health}.
 */
public final class Vm implements MmuHost {
  private final int id;
  private final VmType type;
  private final HostMachine host;
  private final PhysicalHost memory;
  private final AddressSpace space;
  private final VmParts parts;
  private final VmContextView context = new VmContextView(this);
  private final ModelLock kvmLock = new ModelLock("kvm->lock");
  private final ModelLock mmuLock = ModelLock.manyReaders("kvm->mmu_lock");
  private final Invalidation invalidation;
  private final SlotSteps slotSteps;
  private final FaultSteps faultSteps;
  private volatile LongFunction<@Nullable String> deviceFiles = _ -> null;
  private final VcpuSteps vcpuSteps;
  private final PopulateSteps populateSteps;
  private final SlotSets slots;
  private final VcpuSet vcpus = new VcpuSet(this);
  private final Health health = new Health();
  private final VmProgress progress;
  private final VmTrace trace;
  private final AttributeStore attributes;
  private final VmOps ops;
  private final VmTraits traits;
  private final VmRules rules;
  private final VmStages stages;
  private final PageSources sources;
  private final FaultHandler faults;
  private final Prefault prefault = new Prefault(this);
  private final MemoryRegions regions;
  private final MemoryAttributesIoctl attributesIoctl = new MemoryAttributesIoctl(this);
  private final VmCapabilities capabilities = new VmCapabilities(this);
  private final VmDevices devices = new VmDevices(this);
  private final KernelAccess kernelAccess = new KernelAccess(this);
  private final DirtyLog dirtyLog = new DirtyLog(this);
  private final UserMappings userMappings = new UserMappings(this);
  private final PrivateFiles privateFiles = new PrivateFiles(this);
  private boolean mmuPagesAllowed;
  private final RefCount references = new RefCount("kvm->users_count", 1);
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
      VmParts parts,
      VmProgress progress,
      OpsFactory factory) {
    this.id = id;
    this.type = type;
    this.host = host;
    this.memory = memory;
    this.space = space;
    this.parts = parts;
    this.progress = progress;
    progress.of(health);
    this.trace = new VmTrace(host.trace());
    this.invalidation = host.part(Invalidation.Factory.class, Invalidation.Factory.KERNEL).create();
    this.slotSteps = host.part(SlotSteps.class, new SlotSteps());
    this.faultSteps = host.part(FaultSteps.class, new FaultSteps());
    this.vcpuSteps = host.part(VcpuSteps.class, new VcpuSteps());
    this.populateSteps = host.part(PopulateSteps.class, new PopulateSteps());
    this.slots = new SlotSets(slotSteps);
    this.ops = factory.create(context, type);
    this.traits = ops.traits();
    this.rules = new VmRules(type, traits, settings, host.architecture());
    this.attributes =
        rules.filesKeepAttributes() ? new FileAttributes(this) : parts.attributes().create(id);
    this.stages = new VmStages(this);
    this.regions = new MemoryRegions(this);
    this.sources = new PageSources(this);
    this.faults = new FaultHandler(this);
  }

  /** Returns how many vCPUs the VM can have ({@code kvm->max_vcpus}). */
  public int maxVcpus() {
    return ops.maxVcpus(rules.maxVcpus());
  }

  /** Returns the devices that KVM emulates for the VM. */
  public VmDevices devices() {
    return devices;
  }

  /**
   * Runs the vendor's vm_init and starts to listen to the process's mappings; where the vendor
   * refuses, the VM is gone and no other hook is called.
   */
  public Errno init() {
    Errno r = ops.vmInit();
    if (r.ok()) {
      space.register(userMappings);
    } else {
      var _ = references.put();
      destroyed = true;
    }
    return r;
  }

  // References.

  /** Adds a reference (kvm_get_kvm). */
  public void get() {
    references.get();
  }

  /** Adds a reference unless the last one went (kvm_get_kvm_safe). */
  public boolean tryGet() {
    return references.getUnlessZero();
  }

  /** Gives a reference up; the last one destroys the VM (kvm_put_kvm). */
  public void put() {
    if (references.put()) {
      destroy();
    }
  }

  private void destroy() {
    destroyed = true;
    ops.vmPreDestroy();
    space.unregister(userMappings);
    for (Vcpu v : vcpus.all()) {
      ops.vcpuFree(v);
      v.pages().free();
    }
    mmuLock.lock();
    stages().forEach(SecondStage::destroy);
    mmuLock.unlock();
    ops.guestMemoryReclaimed();
    for (int as = 0; as < 2; as++) {
      MemSlots set = slots.of(as);
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

  // What the ioctls are. Once the VM is dead every one of them answers EIO.

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
    return isDead()
        ? Errno.EIO
        : regions.set(v1, slot, flags, gpa, size, uaddr, offset, fdOpen, store);
  }

  /** KVM_SET_MEMORY_ATTRIBUTES. */
  public Errno setMemoryAttributes(long address, long size, long attrs, long flags) {
    return isDead() ? Errno.EIO : attributesIoctl.set(address, size, attrs, flags);
  }

  /** KVM_CREATE_VCPU, without the descriptor. The result is in {@link #vcpu}. */
  public Errno createVcpu(int vcpuId) {
    return isDead() ? Errno.EIO : vcpus.create(vcpuId);
  }

  /** Returns the vCPU with an id, or null. */
  public @Nullable Vcpu vcpu(int vcpuId) {
    return vcpus.byId(vcpuId);
  }

  /** KVM_ENABLE_CAP. */
  public Errno enableCap(int cap, long flags, long arg0) {
    return isDead() ? Errno.EIO : capabilities.enable(cap, flags, arg0);
  }

  VmCapabilities capabilities() {
    return capabilities;
  }

  /** Returns the log of dirty pages: KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG. */
  public DirtyLog dirtyLog() {
    return dirtyLog;
  }

  /** KVM_PRE_FAULT_MEMORY, or KVM_MAP_MEMORY; see Prefault. */
  long prefault(Vcpu vcpu, long flags, long[] range, boolean mapMemory) {
    return prefault.run(vcpu, flags, range, mapMemory);
  }

  Errno mapPage(Vcpu vcpu, long gpa, boolean isPrivate) {
    vcpu.root().prefault();
    long r =
        prefault.map(
            vcpu, (gpa >>> PageLevel.PAGE_SHIFT) & ~traits.sharedGfnMask(), isPrivate, true);
    vcpu.releaseUnlessRunning();
    return r < 0 ? Errno.of((int) -r) : Errno.OK;
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

  VmRules rules() {
    return rules;
  }

  VmParts parts() {
    return parts;
  }

  @Override
  public PhysicalHost memory() {
    return memory;
  }

  /** The first slot, or KVM_SET_NR_MMU_PAGES, says how many pages the shadow MMU may have. */
  public void allowMmuPages() {
    mmuPagesAllowed = true;
  }

  /**
   * Tells whether a vCPU finds room for its roots: the shadow MMU of a VM that never had a slot has
   * none. Source: {@code arch/x86/kvm/mmu/mmu.c}, make_mmu_pages_available; {@code
   * arch/x86/kvm/x86.c}, kvm_arch_commit_memory_region.
   */
  boolean mayLoadRoots() {
    return mmuPagesAllowed || rules.tdpMmu();
  }

  /** Tells the VM how its process finds the device file that a descriptor names. */
  public void setDeviceFiles(LongFunction<@Nullable String> files) {
    this.deviceFiles = files;
  }

  @Nullable String deviceOf(long fd) {
    return deviceFiles.apply(fd);
  }

  /** Returns the address space of the process that created the VM. */
  public AddressSpace space() {
    return space;
  }

  /** Returns the second stage. */
  public SecondStage stage() {
    return stages.main();
  }

  VmStages secondStages() {
    return stages;
  }

  /**
   * Returns what an address space of slots maps: each has roots of its own (kvm_mmu_page_as_id).
   *
   * @param as 0, or 1 for SMM
   * @return null where nothing of it was ever mapped
   */
  public @Nullable SecondStage stage(int as) {
    return stages.of(as);
  }

  /** Returns the second stages there are. */
  public List<SecondStage> stages() {
    return stages.all();
  }

  /** Returns how many pages of a level are mapped, in all address spaces. */
  public long mappedPages(int level) {
    return stages.mappedPages(level);
  }

  /** Returns the attributes. */
  public AttributeStore attributes() {
    return attributes;
  }

  /** Returns the VM as the files of its private memory see it. */
  public BindingOwner privateFiles() {
    return privateFiles;
  }

  /** A vCPU tried a page too often: the answer of the call. */
  Errno gaveUp(VcpuContext vcpu, long gfn, long tries) {
    progress.gaveUp(id, vcpu.id(), gfn, tries);
    return trace.sink().refuse(Errno.EINTR, () -> "gfn 0x%x: no progress".formatted(gfn));
  }

  @Override
  public Errno refuse(Errno error, String why) {
    return trace.sink().refuse(error, why);
  }

  /** As {@link #refuse(Errno, String)}, for a text that has to be built. */
  Errno refuse(Errno error, Supplier<String> why) {
    return trace.sink().refuse(error, why);
  }

  SlotSteps slotSteps() {
    return slotSteps;
  }

  FaultSteps faultSteps() {
    return faultSteps;
  }

  VcpuSteps vcpuSteps() {
    return vcpuSteps;
  }

  PopulateSteps populateSteps() {
    return populateSteps;
  }

  Invalidation invalidation() {
    return invalidation;
  }

  PageSources sources() {
    return sources;
  }

  FaultHandler faults() {
    return faults;
  }

  ModelLock kvmLock() {
    return kvmLock;
  }

  ModelLock slotsLock() {
    return slots.lock();
  }

  @Override
  public ModelLock mmuLock() {
    return mmuLock;
  }

  Vcpu[] vcpuArray() {
    return vcpus.all();
  }

  /** Returns the slots of an address space. */
  public MemSlots slotsOf(int as) {
    return slots.of(as);
  }

  void publish(int as, @Nullable MemSlot old, @Nullable MemSlot now) {
    slots.publish(as, old, now);
  }

  /** Tells whether a gfn has KVM_MEMORY_ATTRIBUTE_PRIVATE. */
  public boolean isPrivate(long gfn) {
    SchedulePoint.read(PointKind.ATTRIBUTE, attributes, 0);
    return (attributes.get(gfn) & MemoryAttributesIoctl.PRIVATE) != 0;
  }

  boolean prefaultsPrivate(long gfn) {
    return rules.alwaysPrivate() || (traits.hasPrivateMemory() && isPrivate(gfn));
  }

  int recoverLevel(MemSlot slot, long gfn) {
    return faults.maxLevel(slot, gfn, isPrivate(gfn), rules.maxLevel());
  }

  @Override
  public void flushRemoteTlbs() {
    vcpus.requestTlbFlush();
  }

  void kickVcpus() {
    vcpus.kick();
  }

  void lockAllVcpus() {
    vcpus.lockAll();
  }

  boolean tryLockAllVcpus() {
    return vcpus.tryLockAll();
  }

  void unlockAllVcpus() {
    vcpus.unlockAll();
  }

  /** Returns the kernel's own way to guest memory. */
  public KernelAccess kernelAccess() {
    return kernelAccess;
  }

  /** Returns what readers of slots are counted by. */
  Srcu srcu() {
    return slots.srcu();
  }

  // KVM_BUG_ON and leaks.

  void dead() {
    health.end();
  }

  @Override
  public void bug(String why) {
    health.bug(why);
  }

  /** Tells whether the VM was marked dead. */
  public boolean isDead() {
    return health.isDead();
  }

  /** Returns why the VM is dead, null if it is not. */
  public @Nullable String bugText() {
    return health.bugText();
  }

  @Override
  public void leak(long pfn, long count, String why) {
    for (long p = pfn; p < pfn + count; p++) {
      if (p == memory().zeroPage()) {
        // The host's own, which is never freed: it stays mapped, and nobody lost it.
        health.stays(p, why);
      } else if (health.leak(p, why)) {
        // Whatever becomes of what it belongs to, the frame goes to nobody else.
        memory().pin(p);
      }
    }
  }

  /** Takes a frame back that was given up; whoever freed it meanwhile frees it by this. */
  void regained(long pfn) {
    if (health.regained(pfn)) {
      memory().unpin(pfn);
    }
  }

  /**
   * Tells whether a trusted half did not let a frame go: a lost one, or the host's page of zeros.
   */
  boolean mayStay(long pfn) {
    return health.mayStay(pfn);
  }

  /** Returns the number of frames the VM lost for good. */
  public long leakedFrames() {
    return health.leakedFrames();
  }

  /** Returns what the VM lost, and why, one line a frame. */
  public List<String> leaks() {
    return health.leaks();
  }

  // Trace.

  @Override
  public void traceCore(String name, long gfnStart, long gfnEnd) {
    trace.core(name, gfnStart, gfnEnd);
  }
}
