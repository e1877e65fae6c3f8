package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.gmem.Folio;
import dev.cocovisor.core.kernel.KernelRules;
import dev.cocovisor.core.kernel.StaleRoots;
import dev.cocovisor.core.mmu.PageFault;
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
  private final boolean shadows;
  private final boolean delegated;
  private final boolean rootsGoStale;
  private final ShadowPrefetch neighbours;

  FaultHandler(Vm vm) {
    this.vm = vm;
    this.delegated = vm.traits().shape() == StageShape.DELEGATED;
    this.shadows = !vm.rules().tdpMmu();
    this.rootsGoStale = vm.rules().kernel().on(KernelRules.STALE_ROOTS) == StaleRoots.KEPT;
    this.neighbours = new ShadowPrefetch(vm);
    PrivateRule rule = vm.traits().privateRule();
    // Files keep states of pages for VMs without private memory too.
    this.checksAttributes =
        rule != PrivateRule.ALWAYS
            && (rule != PrivateRule.NEVER || vm.rules().filesKeepAttributes());
  }

  /** Handles one fault; {@code f} has gfn, write, prefetch, isPrivate, maxLevel and cpu set. */
  int handle(Vcpu vcpu, PageFault f) {
    int r = faultin(vcpu, f);
    if (r != RetPf.CONTINUE) {
      return r;
    }
    f.mmuSeq = vm.invalidation().lookedUp(f.mmuSeq);
    if (rootsGoStale && f.prefetch && vcpu.root().isStale()) {
      return RetPf.ENDLESS;
    }
    chooseLevel(vcpu, f);
    vm.mmuLock().lockShared();
    try {
      r =
          f.slot != null && vm.invalidation().mustRetry(f.mmuSeq, f.gfn)
              ? RetPf.RETRY
              : vcpu.stage().map(f, vcpu);
      // A cached MMIO entry brings its neighbours too (direct_map).
      if (shadows && (r == RetPf.FIXED || r == RetPf.EMULATE) && f.goalLevel == 1) {
        neighbours.around(vcpu, f);
      }
    } finally {
      vm.mmuLock().unlockShared();
    }
    if (r != RetPf.FIXED && f.slot != null) {
      vm.sources().of(f.slot, f.isPrivate).giveBack(f);
    }
    if (r != RetPf.SPLIT) {
      return r;
    }
    return splitAndRetry(vcpu, f);
  }

  /** The vendor half splits only under the exclusive lock: do it, then let the guest retry. */
  private int splitAndRetry(Vcpu vcpu, PageFault f) {
    vm.mmuLock().lock();
    try {
      Errno r = vcpu.stage().splitTo(f.gfn, f.goalLevel, f.isPrivate);
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
      return memoryFault(
          vm,
          vcpu,
          f,
          vm.refuse(
              Errno.EFAULT,
              f.isPrivate
                  ? "a private access to a page whose attribute is shared"
                  : "a shared access to a page whose attribute is private"));
    }
    MemSlot slot = vcpu.slotOf(f.gfn);
    f.slot = slot;
    if (slot == null) {
      f.generation = vcpu.slots().generation();
      return noSlot(vcpu, f);
    }
    if (slot.isInvalid()) {
      int r = vm.faultSteps().slotInvalid(f.prefetch);
      return r < 0 ? -vm.refuse(Errno.of(-r), "the slot is being deleted or moved").number() : r;
    }
    if (vm.invalidation().active() && vm.invalidation().mustRetry(f.mmuSeq, f.gfn)) {
      return RetPf.RETRY;
    }
    if (delegated && !(f.write && slot.isReadonly())) {
      Errno ready = vm.ops().prepareDelegated(vcpu, f.isPrivate);
      if (!ready.ok()) {
        return -ready.number();
      }
    }
    return vm.sources().of(slot, f.isPrivate).get(vcpu, f, slot);
  }

  private int noSlot(Vcpu vcpu, PageFault f) {
    if (f.isPrivate && vm.traits().privateRule() != PrivateRule.ALWAYS) {
      return memoryFault(
          vm, vcpu, f, vm.refuse(Errno.EFAULT, "a private access where there is no slot"));
    }
    if (!vm.rules().cachesMmio() || f.gfn > vm.rules().maxGfn()) {
      return RetPf.EMULATE;
    }
    return RetPf.CONTINUE;
  }

  /** Ends a fault with KVM_EXIT_MEMORY_FAULT; the negative errno. */
  static int memoryFault(Vm vm, Vcpu vcpu, PageFault f, Errno errno) {
    vcpu.setExit(
        new Exit.MemoryFault(
            f.isPrivate ? Exit.MemoryFault.PRIVATE : 0,
            f.gfn << PageLevel.PAGE_SHIFT,
            vm.faults().batch(vcpu, f) << PageLevel.PAGE_SHIFT));
    return -errno.number();
  }

  /**
   * How many pages one exit reports: one in the reference kernel. With a batch allowed, the run of
   * pages of the slot that mismatch alike, so that userspace converts them in one go (the extension
   * of KVM_EXIT_MEMORY_FAULT discussed at the Linux Plumbers Conference, September 2022).
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
    if (vm.rules().arch().logsPages(slot)) {
      return 1;
    }
    PageSource source = vm.sources().of(slot, isPrivate);
    // What lies behind the page first: it is one look, and mostly the smallest.
    int level = source.limit(slot, gfn, Math.min(limit, vm.rules().maxLevel()));
    while (level > 1 && !allowed(source, slot, gfn, PageLevel.of(level))) {
      level--;
    }
    return level;
  }

  private boolean allowed(PageSource source, MemSlot slot, long gfn, PageLevel level) {
    return source.allowsLevel(slot, gfn, level)
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
