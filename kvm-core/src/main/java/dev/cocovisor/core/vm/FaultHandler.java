package dev.cocovisor.core.vm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.gmem.Folio;
import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.mmu.PageFault;
import dev.cocovisor.core.mmu.PageSizePolicy;
import dev.cocovisor.core.mmu.RetPf;
import dev.cocovisor.core.slot.MemSlot;
import org.jspecify.annotations.Nullable;

/**
 * From a fault to a mapping: slot, attribute, page, level, map.
 *
 * <p>Outcomes are {@link RetPf} values or negative errnos, nothing is thrown and nothing allocated.
 * Sources: {@code arch/x86/kvm/mmu/mmu.c}, kvm_mmu_faultin_pfn, kvm_mmu_faultin_pfn_gmem,
 * kvm_handle_noslot_fault, kvm_mmu_hugepage_adjust, kvm_mmu_max_mapping_level,
 * kvm_tdp_mmu_page_fault.
 */
final class FaultHandler {
  private final Vm vm;
  private final boolean checksAttributes;
  private final boolean waitsForWrite;
  private final PageSizePolicy pageSizes;
  private final boolean shadows;
  private final ShadowPrefetch neighbours;

  FaultHandler(Vm vm) {
    this.vm = vm;
    this.waitsForWrite = vm.host().architecture().equals(Architecture.ARM64);
    this.pageSizes = vm.parts().pageSizes();
    this.shadows = !vm.rules().tdpMmu();
    this.neighbours = new ShadowPrefetch(vm);
    PrivateRule rule = vm.traits().privateRule();
    this.checksAttributes = rule != PrivateRule.ALWAYS && rule != PrivateRule.NEVER;
  }

  /** Handles one fault; {@code f} has gfn, write, prefetch, isPrivate, maxLevel and cpu set. */
  int handle(Vcpu vcpu, PageFault f) {
    int r = faultin(vcpu, f);
    if (r != RetPf.CONTINUE) {
      return r;
    }
    chooseLevel(vcpu, f);
    vm.mmuLock().lockShared();
    try {
      r =
          f.slot != null && vm.invalidation().mustRetry(f.mmuSeq, f.gfn)
              ? RetPf.RETRY
              : vm.stage().map(f, vcpu);
      if (r == RetPf.FIXED && shadows && f.slot != null && f.goalLevel == 1) {
        neighbours.around(vcpu, f);
      }
    } finally {
      vm.mmuLock().unlockShared();
    }
    if (r != RetPf.FIXED && f.isPrivate && vm.rules().privateFromUser()) {
      // arch/arm64/kvm/mmu.c, pkvm_mem_abort: the pin stays with a page that was given, only.
      vm.space().unpin(f.pfn);
    }
    if (r != RetPf.SPLIT) {
      return r;
    }
    return splitAndRetry(f);
  }

  /** The vendor half splits only under the exclusive lock: do it, then let the guest retry. */
  private int splitAndRetry(PageFault f) {
    vm.mmuLock().lock();
    try {
      Errno r = vm.stage().splitTo(f.gfn, f.goalLevel, f.isPrivate);
      vm.flushRemoteTlbs();
      return r.ok() || r == Errno.EBUSY || r == Errno.EAGAIN ? RetPf.RETRY : -r.number();
    } finally {
      vm.mmuLock().unlock();
    }
  }

  private int faultin(Vcpu vcpu, PageFault f) {
    f.mmuSeq = vm.invalidation().read();
    // The attribute is read after the sequence number, so a change shows as a retry.
    if (checksAttributes && f.isPrivate != vm.isPrivate(f.gfn)) {
      return memoryFault(vcpu, f, Errno.EFAULT.number());
    }
    MemSlot slot = vcpu.slotOf(f.gfn);
    f.slot = slot;
    f.generation = vm.slotsOf(0).generation();
    if (slot == null) {
      return noSlot(vcpu, f);
    }
    if (slot.isInvalid()) {
      // A prefault must not wait for the update that waits for it. Source: mmu.c,
      // kvm_mmu_faultin_pfn (invalid memslot, prefetch).
      return f.prefetch ? -Errno.EAGAIN.number() : RetPf.RETRY;
    }
    if (vm.invalidation().active() && vm.invalidation().mustRetry(f.mmuSeq, f.gfn)) {
      return RetPf.RETRY;
    }
    boolean fromUser = f.isPrivate ? vm.rules().privateFromUser() : !slot.isGmemOnly();
    return fromUser ? fromUserMemory(f, slot) : fromGmem(vcpu, f, slot);
  }

  private int noSlot(Vcpu vcpu, PageFault f) {
    if (f.isPrivate && vm.traits().privateRule() != PrivateRule.ALWAYS) {
      return memoryFault(vcpu, f, Errno.EFAULT.number());
    }
    if (!vm.rules().cachesMmio() || f.gfn > vm.rules().maxGfn()) {
      return RetPf.EMULATE;
    }
    return RetPf.CONTINUE;
  }

  private int fromGmem(Vcpu vcpu, PageFault f, MemSlot slot) {
    BackingStore store = slot.gmem();
    if (!slot.hasGuestMemfd() || store == null) {
      return memoryFault(vcpu, f, Errno.EFAULT.number());
    }
    long index = slot.gmemIndex(f.gfn);
    long page = store.page(index, f.cpu);
    if (page < 0) {
      return memoryFault(vcpu, f, (int) -page);
    }
    if (f.isPrivate && !Folio.prepared(page)) {
      Errno r = prepare(store, index, f.gfn, page);
      if (!r.ok()) {
        return memoryFault(vcpu, f, r.number());
      }
    }
    f.pfn = Folio.pfn(page);
    f.mapWritable = !slot.isReadonly();
    f.maxLevel = Math.min(f.maxLevel, gmemLevel(vcpu, f, Folio.order(page)));
    return RetPf.CONTINUE;
  }

  /** Lets the vendor make a folio private, once in the folio's life. */
  private Errno prepare(BackingStore store, long index, long gfn, long page) {
    ModelLock lock = store.invalidateLock();
    boolean mine = !lock.heldExclusive();
    if (mine) {
      lock.lockShared();
    }
    try {
      int order = Folio.order(page);
      long into = index & ((1L << order) - 1);
      Errno r = vm.ops().gmemPrepare(gfn - into, Folio.pfn(page) - into, order);
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

  private int gmemLevel(Vcpu vcpu, PageFault f, int order) {
    int level = PageLevel.ofOrder(order).number();
    if (level > 1) {
      if (f.isPrivate) {
        level = Math.min(level, vm.traits().maxPrivateLevel().number());
        PageLevel hook = vm.ops().privateMaxMappingLevel(vcpu, f.pfn, f.gfn, f.prefetch);
        hook = pageSizes.limit(vm.id(), f.gfn, hook);
        level = hook == null ? level : Math.min(level, hook.number());
      }
      PageLevel hook = vm.ops().gmemMaxMappingLevel(f.pfn, order, f.isPrivate);
      level = hook == null ? level : Math.min(level, hook.number());
    }
    return level;
  }

  private int fromUserMemory(PageFault f, MemSlot slot) {
    if (f.write && slot.isReadonly()) {
      return RetPf.EMULATE;
    }
    long hva = slot.userAddressOf(f.gfn);
    AddressSpace space = vm.space();
    if (f.isPrivate) {
      long pfn = space.pin(hva);
      if (pfn < 0) {
        return -Errno.EFAULT.number();
      }
      f.pfn = pfn;
      f.mapWritable = true;
      f.maxLevel = 1;
      return RetPf.CONTINUE;
    }
    long pte = space.fault(hva, f.write);
    if (pte < 0) {
      return -Errno.EFAULT.number();
    }
    f.pfn = AddressSpace.frameOf(pte);
    // x86 maps what the host lets be written writable at once, and logs it; arm64 waits for a write
    // while a slot is logged. Sources: spte.c, make_spte; arch/arm64/kvm/mmu.c, user_mem_abort.
    boolean waits = waitsForWrite && slot.isDirtyLogged() && !f.write;
    f.mapWritable = AddressSpace.isWritable(pte) && !slot.isReadonly() && !waits;
    return RetPf.CONTINUE;
  }

  private int memoryFault(Vcpu vcpu, PageFault f, int errno) {
    vcpu.setExit(
        new Exit.MemoryFault(
            f.isPrivate ? Exit.MemoryFault.PRIVATE : 0,
            f.gfn << PageLevel.PAGE_SHIFT,
            batch(vcpu, f) << PageLevel.PAGE_SHIFT));
    return -errno;
  }

  /**
   * How many pages one exit reports: one in the reference kernel. With a batch allowed, the run of
   * pages of the slot that mismatch alike, so that userspace converts them in one go (the extension
   * of KVM_EXIT_MEMORY_FAULT discussed at LPC 2022).
   */
  private long batch(Vcpu vcpu, PageFault f) {
    long most = vm.rules().memoryFaultBatch();
    MemSlot slot = most > 1 ? vcpu.slotOf(f.gfn) : null;
    boolean mismatch = checksAttributes && f.isPrivate != vm.isPrivate(f.gfn);
    if (slot == null || !mismatch) {
      return 1;
    }
    long n = 1;
    while (n < most && f.gfn + n < slot.endGfn() && vm.isPrivate(f.gfn + n) != f.isPrivate) {
      n++;
    }
    return n;
  }

  private void chooseLevel(Vcpu vcpu, PageFault f) {
    MemSlot slot = f.slot;
    if (slot == null) {
      f.goalLevel = 1;
      return;
    }
    int level = f.maxLevel == 1 ? 1 : maxLevel(slot, f.gfn, f.isPrivate, f.maxLevel);
    if (level > 1 && f.isPrivate && !f.prefetch) {
      PageLevel hint = vm.ops().faultLevelHint(vcpu, f.gfn);
      level = hint == null ? level : Math.min(level, hint.number());
    }
    f.goalLevel = level;
    f.pfn &= -PageLevel.of(level).pages();
  }

  /** kvm_mmu_max_mapping_level: what slot, attributes and host mapping allow. */
  int maxLevel(MemSlot slot, long gfn, boolean isPrivate, int limit) {
    if (slot.isDirtyLogged()) {
      return 1;
    }
    int level = Math.min(limit, vm.rules().maxLevel());
    boolean gmem = isPrivate ? !vm.rules().privateFromUser() : slot.isGmemOnly();
    while (level > 1 && !allowed(slot, gfn, PageLevel.of(level), gmem)) {
      level--;
    }
    if (level > 1 && !gmem && vm.space().mappingShift(slot.userAddressOf(gfn)) == 12) {
      return 1;
    }
    return gmem ? level : Math.min(level, 2);
  }

  private boolean allowed(MemSlot slot, long gfn, PageLevel level, boolean gmem) {
    return slot.allowsLevel(gfn, level, false)
        && (!gmem || slot.allowsLevel(gfn, level, true))
        && (!vm.traits().hasPrivateMemory() || vm.attributes().isUniform(gfn, level));
  }

  /** Returns the frame a guest_memfd holds for a gfn; -1 where there is none. */
  long gmemPfn(@Nullable MemSlot slot, long gfn, boolean allocate) {
    BackingStore store = slot == null ? null : slot.gmem();
    if (slot == null || store == null) {
      return HostMemory.NO_FRAME;
    }
    long index = slot.gmemIndex(gfn);
    long page = allocate ? store.page(index, 0) : store.peek(index);
    return page > 0 ? Folio.pfn(page) : HostMemory.NO_FRAME;
  }
}
