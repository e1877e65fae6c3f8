package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Initial contents of a realm, and the pages that came in with them. A populated page enters the
 * core's registry only when it is faulted, so those are remembered here until the core or the
 * memory file takes them back.
 */
// The CCA series, arch/arm64/kvm/rmi.c: kvm_arm_rmi_populate, populate_region_cb.
final class Population {
  private final VmContext vm;
  private final RealmLife life;

  /** Populated pages that the core's registry does not know: pfn to gfn. */
  private final Map<Long, Long> pages = new ConcurrentHashMap<>();

  Population(VmContext vm, RealmLife life) {
    this.vm = vm;
    this.life = life;
  }

  /** KVM_ARM_RMI_POPULATE: copies the VMM's pages into the new realm, measured or not. */
  long populate(VendorCommand command) {
    long base = command.in().number("base");
    long size = command.in().number("size");
    long source = command.in().number("source_uaddr");
    long flags = command.in().number("flags", 0);
    boolean bad = ((base | size | source) & (PageLevel.PAGE_SIZE - 1)) != 0 || size <= 0;
    if (bad || (flags & ~1L) != 0 || source == 0) {
      return -Errno.EINVAL.number();
    }
    life.configLock().lock();
    try {
      if (life.isSealed()) {
        return -Errno.ENXIO.number();
      }
      Errno e = life.ensureCreated();
      if (!e.ok()) {
        return -e.number();
      }
      long done =
          vm.populate(
              base >>> PageLevel.PAGE_SHIFT,
              source,
              size >>> PageLevel.PAGE_SHIFT,
              (gfn, pfn, from, order) -> populateBlock(gfn, pfn, from, order, (flags & 1) != 0));
      if (done < 0) {
        return done;
      }
      // As the kernel's loop does: what is left goes back to the caller, who calls again.
      command.out().put("base", base + (done << PageLevel.PAGE_SHIFT));
      command.out().put("size", size - (done << PageLevel.PAGE_SHIFT));
      command.out().put("source_uaddr", source + (done << PageLevel.PAGE_SHIFT));
      return 0;
    } finally {
      life.configLock().unlock();
    }
  }

  private Errno populateBlock(long gfn, long pfn, long from, int order, boolean measure) {
    for (long i = 0; i < 1L << order; i++) {
      long pinned = vm.pinUserPage(from + (i << PageLevel.PAGE_SHIFT));
      if (pinned < 0) {
        return Errno.of((int) -pinned);
      }
      Errno e =
          life.created()
              .tables()
              .populatePage(
                  life.pe(),
                  (gfn + i) << PageLevel.PAGE_SHIFT,
                  (pfn + i) << PageLevel.PAGE_SHIFT,
                  pinned << PageLevel.PAGE_SHIFT,
                  measure);
      vm.unpinUserPage(pinned);
      if (!e.ok()) {
        return e;
      }
      pages.put(pfn + i, gfn + i);
    }
    return Errno.OK;
  }

  /** Hands a page over to the core's registry; false if it was not populated. */
  boolean handOver(long pfn) {
    return !pages.isEmpty() && pages.remove(pfn) != null;
  }

  /** Populated pages that nobody faulted go back with their folio. */
  void freed(long pfnStart, long pfnEnd) {
    for (long pfn = pfnStart; pfn < pfnEnd && !pages.isEmpty(); pfn++) {
      Long gfn = pages.remove(pfn);
      if (gfn != null && !unmap(gfn).ok()) {
        vm.leak(pfn, 1, "RMI_DATA_DESTROY failed");
      }
    }
  }

  /** As {@link #freed}, for pages whose slot goes before their folio does. */
  void slotsGone() {
    pages.values().removeIf(gfn -> vm.slotOf(gfn) == null && unmap(gfn).ok());
  }

  private Errno unmap(long gfn) {
    return life.created()
        .tables()
        .unmapPrivate(life.pe(), gfn << PageLevel.PAGE_SHIFT, RealmTables.PAGE_LEVEL);
  }

  void forget() {
    pages.clear();
  }
}
