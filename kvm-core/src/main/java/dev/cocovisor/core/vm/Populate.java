package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.ops.PopulateCallback;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.gmem.Folio;
import dev.cocovisor.core.kernel.KernelRules;
import dev.cocovisor.core.slot.MemSlot;

/**
 * Filling private memory before a guest runs.
 *
 * <p>Each block is allocated, checked to be private and handed to the vendor under the invalidate
 * lock; a folio larger than a page is one block where the range covers it. The caller holds
 * slots_lock, so that neither slots nor attributes change and no file goes meanwhile. Source:
 * {@code virt/kvm/guest_memfd.c}, kvm_gmem_populate and __kvm_gmem_populate.
 */
final class Populate {
  private Populate() {}

  static long run(Vm vm, long gfn, long userAddress, long npages, PopulateCallback each) {
    vm.slotsLock().assertExclusive();
    boolean checked = vm.rules().kernel().on(KernelRules.POPULATE_IS_CHECKED);
    if (npages < 0 || (checked && !whole(userAddress, npages))) {
      return -vm.refuse(Errno.EINVAL, "no pages, or a source that is not page aligned").number();
    }
    MemSlot slot = vm.slotsOf(0).find(gfn);
    if (slot == null || !slot.hasGuestMemfd()) {
      return -vm.refuse(Errno.EINVAL, () -> "gfn 0x%x: no slot with a guest_memfd".formatted(gfn))
          .number();
    }
    BackingStore store = slot.gmem();
    if (store == null) {
      return -vm.refuse(Errno.EFAULT, "the slot's guest_memfd was closed").number();
    }
    long count = Math.min(npages, slot.endGfn() - gfn);
    long done = 0;
    while (done < count) {
      long src = userAddress == 0 ? 0 : userAddress + (done << PageLevel.PAGE_SHIFT);
      long r = block(vm, slot, store, gfn + done, src, count - done, each);
      if (r < 0) {
        return done == 0 ? r : done;
      }
      done += r;
    }
    return done;
  }

  /** Tells whether there are pages to fill, from pages. */
  private static boolean whole(long userAddress, long npages) {
    return npages != 0 && (userAddress & (PageLevel.PAGE_SIZE - 1)) == 0;
  }

  private static long block(
      Vm vm,
      MemSlot slot,
      BackingStore store,
      long gfn,
      long src,
      long left,
      PopulateCallback each) {
    if (src != 0 && vm.space().fault(src, false) < 0) {
      return -vm.refuse(Errno.EFAULT, () -> "source address 0x%x is not mapped".formatted(src))
          .number();
    }
    store.invalidateLock().lock();
    try {
      long page = store.page(slot.gmemIndex(gfn), 0);
      if (page < 0) {
        return page;
      }
      int order = Folio.order(page);
      long pages = 1L << order;
      boolean whole =
          ((gfn | slot.gmemIndex(gfn)) & (pages - 1)) == 0
              && pages <= left
              && privately(vm, gfn, pages);
      if (!whole) {
        order = 0;
        pages = 1;
      }
      if (!privately(vm, gfn, pages)) {
        return -vm.refuse(
                Errno.EINVAL, () -> "gfn 0x%x: the page's attribute is shared".formatted(gfn))
            .number();
      }
      Errno r = each.populated(gfn, Folio.pfn(page), src, order);
      if (!r.ok()) {
        return -r.number();
      }
      // Before the invalidate lock goes: a hole punched next has to find what was given.
      vm.mmuLock().lockShared();
      vm.stage().populated(gfn, Folio.pfn(page), order);
      vm.mmuLock().unlockShared();
      return pages;
    } finally {
      store.invalidateLock().unlock();
    }
  }

  private static boolean privately(Vm vm, long gfn, long pages) {
    return vm.populateSteps().mayFill(vm.attributes(), gfn, pages);
  }
}
