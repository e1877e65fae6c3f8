package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.cca.rmm.call.Pe;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The guest's memory as faults and zaps change it. The upper half of the IPA space is shared: its
 * gfns carry the top bit. A private fault delegates the frame and assigns it, a shared one maps the
 * frame with DATA left alone; the core keeps the registry of both.
 *
 * <p>Two vCPUs may fault the same 2 MiB at once. A delegation that the other one has half done
 * looks like a frame that EL3 refuses, so the later one stands back and tries again; regions are
 * told apart by {@link #REGIONS} marks, and a mark is never held over a wait.
 */
// The CCA series, arch/arm64/kvm/rmi.c: realm_map_ipa, realm_unmap_private_range;
// arch/arm64/kvm/mmu.c: private_memslot_fault. Where the delegation fails the early versions say:
// another vCPU handled the same fault, go back to the guest.
final class RealmMappings {
  private static final int REGIONS = 64;

  private static final String PRIVATE_STAYS =
      "the RMM does not take it from the realm (realm_unmap_private_range warns)";
  private static final String SHARED_STAYS =
      "the RMM does not unmap it (realm_unmap_shared_range warns and returns)";

  private final VmContext vm;
  private final RealmLife life;
  private final boolean hugePages;
  private final AtomicLongArray busy = new AtomicLongArray(REGIONS);

  RealmMappings(VmContext vm, RealmLife life, boolean hugePages) {
    this.vm = vm;
    this.life = life;
    this.hugePages = hugePages;
  }

  PageLevel maxLevel(long gfn, long pfn, PageLevel wanted, boolean isPrivate) {
    boolean block =
        hugePages
            && wanted.compareTo(PageLevel.PG_2M) >= 0
            && PageLevel.PG_2M.aligned(pfn - gfn)
            && (!isPrivate || isOneEntry(gfn));
    return block ? PageLevel.PG_2M : PageLevel.PG_4K;
  }

  /** Where some page has its own entry already (populated, or faulted alone) the others do too. */
  private boolean isOneEntry(long gfn) {
    HostedRealm r = life.realm();
    return r != null && r.tables().isOneEntry(new Pe(), gfn << PageLevel.PAGE_SHIFT);
  }

  Errno map(
      VcpuContext vcpu, long gfn, long pfn, PageLevel level, boolean isPrivate, boolean writable) {
    if (life.isDying()) {
      return life.refuse(Errno.EIO, "the realm is being torn down");
    }
    RealmTables tables = life.created().tables();
    Pe cpu = RealmVcpu.of(vcpu).pe;
    long pa = pfn << PageLevel.PAGE_SHIFT;
    if (!isPrivate) {
      long ipa = (gfn | RealmOps.SHARED_GFN) << PageLevel.PAGE_SHIFT;
      return tables.mapShared(cpu, ipa, pa, stage2Level(level), writable);
    }
    if (refault(vcpu, gfn, true) == Errno.EFAULT) {
      return Errno.EFAULT;
    }
    int region = (int) (gfn / PageLevel.PG_2M.pages()) & REGIONS - 1;
    if (!busy.compareAndSet(region, 0, 1)) {
      return life.refuse(Errno.EAGAIN, "another vCPU maps in the same 2 MiB");
    }
    try {
      long ipa = gfn << PageLevel.PAGE_SHIFT;
      return level == PageLevel.PG_2M
          ? tables.mapPrivateBlock(cpu, ipa, pa)
          : tables.mapPrivatePage(cpu, ipa, pa);
    } finally {
      busy.set(region, 0);
    }
  }

  /**
   * Ends the run at memory whose content was lost: nothing the host maps lets the realm go on
   * before it gives the content up, so it would fault there for ever.
   */
  Errno refault(VcpuContext vcpu, long gfn, boolean isPrivate) {
    long ipa = gfn << PageLevel.PAGE_SHIFT;
    if (!isPrivate || !life.created().tables().isLost(RealmVcpu.of(vcpu).pe, ipa)) {
      return Errno.OK;
    }
    vcpu.setExit(new Exit.MemoryFault(Exit.MemoryFault.PRIVATE, ipa, PageLevel.PAGE_SIZE));
    return life.refuse(Errno.EFAULT, "the page is DESTROYED and the realm has not given it up");
  }

  /**
   * Takes memory back from the realm. What the RMM does not give back stays where it is and is lost
   * to the host, which may not use it for anything else.
   */
  // realm_unmap_private_range and realm_unmap_shared_range warn and go on: nobody can be told.
  Errno unmap(long gfn, long pfn, PageLevel level, boolean isPrivate) {
    HostedRealm r = life.realm();
    if (r == null) {
      return Errno.OK;
    }
    long ipa = (isPrivate ? gfn : gfn | RealmOps.SHARED_GFN) << PageLevel.PAGE_SHIFT;
    Errno e =
        isPrivate
            ? r.tables().unmapPrivate(life.pe(), ipa, stage2Level(level))
            : r.tables().unmapShared(life.pe(), ipa, stage2Level(level));
    if (!e.ok()) {
      vm.leak(pfn, level.pages(), isPrivate ? PRIVATE_STAYS : SHARED_STAYS);
    } else if (!isPrivate) {
      for (long i = 0; i < level.pages(); i++) {
        vm.regained(pfn + i);
      }
    }
    return e;
  }

  /** A block is unfolded, so that the pages that stay keep their content. */
  Errno split(long gfn, PageLevel level, boolean isPrivate) {
    HostedRealm r = life.realm();
    return r == null || !isPrivate || level != PageLevel.PG_2M
        ? Errno.EOPNOTSUPP
        : r.tables().unfold(life.pe(), gfn << PageLevel.PAGE_SHIFT);
  }

  private static int stage2Level(PageLevel level) {
    return RealmTables.PAGE_LEVEL + 1 - level.number();
  }
}
