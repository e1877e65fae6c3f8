package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;

/**
 * Initial contents of a realm. A page comes in as a leaf of its own and is the realm's from then
 * on; the core enters it into its registry, so it is taken back like any other.
 */
// The CCA series, arch/arm64/kvm/rmi.c: kvm_arm_rmi_populate, populate_region_cb.
final class Population {
  private final VmContext vm;
  private final RealmLife life;

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
    // The last revision lets pages of no number pass, kvm_gmem_populate did not.
    boolean none = size == 0 && life.series() == RealmSeries.CARRIED;
    boolean bad = ((base | size | source) & (PageLevel.PAGE_SIZE - 1)) != 0 || (size <= 0 && !none);
    boolean reserved = command.in().number("reserved", 0) != 0;
    if (bad || reserved || (flags & ~1L) != 0 || source == 0) {
      return life.fail(
          Errno.EINVAL,
          reserved || (flags & ~1L) != 0
              ? "a flag other than MEASURE"
              : source == 0
                  ? "no source: a realm's launch content comes from the VMM"
                  : "base, size and source have to be whole pages, and size at least one");
    }
    // slots_lock keeps slots and attributes as they are while pages come in; it goes first, as in
    // kvm_vgic_map_resources.
    vm.slotsLock().lock();
    life.configLock().lock();
    try {
      Errno e = life.ensureCreated();
      if (!e.ok()) {
        return -e.number();
      }
      if (none) {
        return 0;
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
      vm.slotsLock().unlock();
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
        giveBack(gfn, pfn, i);
        return e;
      }
    }
    return Errno.OK;
  }

  /** Undoes a block that stopped half way: the core only hears of whole ones. */
  private void giveBack(long gfn, long pfn, long pages) {
    for (long i = 0; i < pages; i++) {
      long ipa = (gfn + i) << PageLevel.PAGE_SHIFT;
      Errno e = life.created().tables().unmapPrivate(life.pe(), ipa, RealmTables.PAGE_LEVEL);
      if (!e.ok()) {
        vm.leak(pfn + i, 1, "RMI_DATA_DESTROY failed");
      }
    }
  }
}
