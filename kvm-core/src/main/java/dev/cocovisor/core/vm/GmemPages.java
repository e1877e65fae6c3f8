package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.gmem.Folio;
import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.mmu.PageFault;
import dev.cocovisor.core.mmu.PageSizePolicy;
import dev.cocovisor.core.mmu.RetPf;
import dev.cocovisor.core.slot.MemSlot;
import java.util.function.Consumer;

/**
 * Pages of the guest_memfd bound to the slot.
 *
 * <p>A page that is there is found without a lock; that it goes meanwhile shows in the invalidation
 * sequence. One that is not there is allocated under a reference of the file, so that a file closed
 * meanwhile does not get pages nobody frees. What the vendor prepares is looked at again under the
 * invalidate lock. Sources: {@code virt/kvm/guest_memfd.c}, kvm_gmem_get_pfn, kvm_gmem_get_file;
 * {@code arch/x86/kvm/mmu/mmu.c}, kvm_mmu_faultin_pfn_gmem.
 */
final class GmemPages implements PageSource {
  private final Vm vm;
  private final PageSizePolicy pageSizes;

  GmemPages(Vm vm) {
    this.vm = vm;
    this.pageSizes = vm.parts().pageSizes();
  }

  @Override
  public int get(Vcpu vcpu, PageFault f, MemSlot slot) {
    BackingStore store = slot.gmem();
    if (!slot.hasGuestMemfd() || store == null) {
      return FaultHandler.memoryFault(
          vm,
          vcpu,
          f,
          vm.refuse(
              Errno.EFAULT,
              slot.hasGuestMemfd()
                  ? "the slot's guest_memfd was closed"
                  : "the slot has no guest_memfd for private memory"));
    }
    long index = slot.gmemIndex(f.gfn);
    long page = store.peek(index);
    if (page == 0) {
      page = allocate(vcpu, store, index, f.cpu);
    }
    if (page < 0) {
      return FaultHandler.memoryFault(vm, vcpu, f, Errno.of((int) -page));
    }
    if (f.isPrivate && !Folio.prepared(page)) {
      int r = prepare(vcpu, f, store, index, page);
      if (r != RetPf.CONTINUE) {
        return r;
      }
    }
    f.pfn = Folio.pfn(page);
    f.mapWritable = !slot.isReadonly();
    f.maxLevel = Math.min(f.maxLevel, level(vcpu, f, Folio.order(page)));
    return RetPf.CONTINUE;
  }

  private long allocate(Vcpu vcpu, BackingStore store, long index, int cpu) {
    if (!vcpu.keeps(store)) {
      if (!store.tryAcquire()) {
        return -vm.refuse(Errno.EFAULT, "the slot's guest_memfd is being closed").number();
      }
      vcpu.releaseLater(store);
    }
    long page = store.page(index, cpu);
    if (page < 0) {
      var _ =
          vm.refuse(
              Errno.of((int) -page),
              () ->
                  "guest_memfd page 0x%x: no memory, or fallocate alone makes pages"
                      .formatted(index));
    }
    return page;
  }

  /** Lets the vendor make a folio private, once in the folio's life. */
  private int prepare(Vcpu vcpu, PageFault f, BackingStore store, long index, long seen) {
    ModelLock lock = store.invalidateLock();
    boolean mine = !lock.heldExclusive();
    if (mine) {
      lock.lockShared();
    }
    try {
      long page = store.peek(index);
      if (page == 0 || Folio.pfn(page) != Folio.pfn(seen)) {
        return RetPf.RETRY;
      }
      if (Folio.prepared(page)) {
        return RetPf.CONTINUE;
      }
      int order = Folio.order(page);
      long into = index & ((1L << order) - 1);
      Errno r = vm.ops().gmemPrepare(f.gfn - into, Folio.pfn(page) - into, order);
      if (r.ok()) {
        store.markPrepared(index, true);
        return RetPf.CONTINUE;
      }
      return FaultHandler.memoryFault(
          vm, vcpu, f, vm.refuse(r, "the folio could not be made private"));
    } finally {
      if (mine) {
        lock.unlockShared();
      }
    }
  }

  private int level(Vcpu vcpu, PageFault f, int order) {
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

  @Override
  public boolean allowsLevel(MemSlot slot, long gfn, PageLevel level) {
    return slot.allowsLevel(gfn, level, false) && slot.allowsLevel(gfn, level, true);
  }

  @Override
  public int limit(MemSlot slot, long gfn, int level) {
    return level;
  }

  @Override
  public void check(
      MemSlot slot, long gfn, long pfn, boolean writable, Consumer<String> violation) {
    BackingStore store = slot.gmem();
    long page = store == null ? 0 : store.peek(slot.gmemIndex(gfn));
    boolean ofFile = page != 0 && Folio.pfn(page) == pfn;
    if (!ofFile && !broughtAsNeighbour(slot, gfn, pfn)) {
      violation.accept("maps a frame its guest_memfd does not have");
    }
  }

  /**
   * The shadow MMU's neighbours come through the user mapping, which may show another page than the
   * slot's binding names. Source: Linux 7.3, kvm_main.c, kvm_prefetch_pages.
   */
  private boolean broughtAsNeighbour(MemSlot slot, long gfn, long pfn) {
    long pte = vm.rules().tdpMmu() ? 0 : vm.space().peek(slot.userAddressOf(gfn));
    return pte != 0 && AddressSpace.frameOf(pte) == pfn;
  }

  @Override
  public boolean followsUserMapping() {
    return false;
  }
}
