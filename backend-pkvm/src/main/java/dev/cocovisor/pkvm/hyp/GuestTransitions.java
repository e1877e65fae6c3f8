package dev.cocovisor.pkvm.hyp;

import dev.cocovisor.api.Errno;

/**
 * Transitions between the host and a guest.
 *
 * <p>Locks: host, then the VM. Checks come in the kernel's order. gfn counts 4 KiB pages. Source:
 * {@code nvhe/mem_protect.c}; functions are named in each comment.
 */
final class GuestTransitions {
  /** Pages of a 2 MiB block, the only size besides one page. */
  static final long BLOCK_PAGES = 512;

  private final MemProtect mp;
  private final VmTable vms;

  GuestTransitions(MemProtect mp, VmTable vms) {
    this.mp = mp;
    this.vms = vms;
  }

  private void lock(HypVm vm) {
    mp.hostLock.lock();
    vm.lock.lock();
  }

  private void unlock(HypVm vm) {
    vm.lock.unlock();
    mp.hostLock.unlock();
  }

  /** __guest_check_transition_size: one page, or an aligned 2 MiB block. */
  private static boolean sizeFits(long pfn, long gfn, long nr) {
    return nr == 1 || (nr == BLOCK_PAGES && ((pfn | gfn) & (BLOCK_PAGES - 1)) == 0);
  }

  private static int level(long nr) {
    return nr == 1 ? PageTable.PAGE_LEVEL : PageTable.PMD_LEVEL;
  }

  private static Errno checkGuestNoPage(HypVm vm, long gfn, long nr) {
    for (long g = gfn; g < gfn + nr; g++) {
      if (Pte.state(vm.stage2.leaf(g)) != PageState.NOPAGE) {
        return Errno.EPERM;
      }
    }
    return Errno.OK;
  }

  /** Maps at guest stage 2; the cache was checked, so running out of tables is EL2's own fault. */
  private static void mapGuest(HypVcpu vcpu, long gfn, int level, long pte) {
    HypVm vm = vcpu.vm;
    vm.refill = vcpu;
    boolean done = vm.stage2.set(gfn, level, pte);
    vm.refill = null;
    if (!done) {
      throw new HypPanic("no table for a mapping although the memcache was checked");
    }
  }

  /**
   * The rule added in 7.1: share and donate are refused unless the cache could back every table,
   * even where the tables exist, so that neither can fail half way.
   */
  private static boolean cacheIsShort(HypVcpu vcpu) {
    return vcpu.memcache.size() < vcpu.vm.minCachePages();
  }

  /** __pkvm_host_share_guest. */
  Errno shareGuest(HypVcpu vcpu, long pfn, long gfn, long nr, int prot) {
    HypVm vm = vcpu.vm;
    if ((prot & ~Pte.RWX) != 0) {
      return Errno.EINVAL;
    }
    if (!mp.map.isValid(pfn, nr) || !sizeFits(pfn, gfn, nr) || !coversAll(vm, gfn, nr)) {
      return Errno.EINVAL;
    }
    Errno e = mp.map.checkAllowed(pfn, nr);
    if (!e.ok()) {
      return e;
    }
    lock(vm);
    try {
      e = checkGuestNoPage(vm, gfn, nr);
      if (!e.ok()) {
        return e;
      }
      for (long p = pfn; p < pfn + nr; p++) {
        e = checkShareable(p);
        if (!e.ok()) {
          return e;
        }
      }
      if (cacheIsShort(vcpu)) {
        return Errno.ENOMEM;
      }
      for (long p = pfn; p < pfn + nr; p++) {
        mp.setHost(p, 1, PageState.SHARED_OWNED);
        mp.pages.setGuestShares(p, mp.pages.guestShares(p) + 1);
      }
      mapGuest(vcpu, gfn, level(nr), Pte.leaf(pfn, prot, PageState.SHARED_BORROWED));
      return Errno.OK;
    } finally {
      unlock(vm);
    }
  }

  private Errno checkShareable(long pfn) {
    return switch (mp.pages.host(pfn)) {
      case OWNED -> Errno.OK;
      case SHARED_OWNED -> {
        int shares = mp.pages.guestShares(pfn);
        // A page shared with EL2 or the secure world has no guest share: not ours to add to.
        yield shares == 0 ? Errno.EPERM : shares == -1 ? Errno.EBUSY : Errno.OK;
      }
      case SHARED_BORROWED, NOPAGE, POISON -> Errno.EPERM;
    };
  }

  private static boolean coversAll(HypVm vm, long gfn, long nr) {
    return vm.stage2.covers(gfn) && vm.stage2.covers(gfn + nr - 1);
  }

  /** __check_host_shared_guest: what must hold before a shared mapping is touched. */
  private Errno checkSharedGuest(HypVm vm, long gfn, long nr) {
    long pte = vm.stage2.leaf(gfn);
    if (!Pte.valid(pte)) {
      return Errno.ENOENT;
    }
    if (vm.stage2.leafLevel(gfn) != level(nr)) {
      return Errno.E2BIG;
    }
    if (Pte.state(pte) != PageState.SHARED_BORROWED) {
      return Errno.EPERM;
    }
    long pfn = Pte.pfn(pte);
    for (long p = pfn; p < pfn + nr; p++) {
      if (mp.pages.host(p) != PageState.SHARED_OWNED) {
        return Errno.EPERM;
      }
      if (mp.pages.guestShares(p) == 0) {
        return Errno.EINVAL;
      }
    }
    return Errno.OK;
  }

  private static boolean sizeFits(long gfn, long nr) {
    return sizeFits(0, gfn, nr);
  }

  /** __pkvm_host_unshare_guest. */
  Errno unshareGuest(HypVm vm, long gfn, long nr) {
    if (!sizeFits(gfn, nr) || !coversAll(vm, gfn, nr)) {
      return Errno.EINVAL;
    }
    lock(vm);
    try {
      Errno e = checkSharedGuest(vm, gfn, nr);
      if (!e.ok()) {
        return e;
      }
      long pfn = Pte.pfn(vm.stage2.leaf(gfn));
      vm.stage2.clear(gfn);
      for (long p = pfn; p < pfn + nr; p++) {
        int left = mp.pages.guestShares(p) - 1;
        mp.pages.setGuestShares(p, left);
        if (left == 0) {
          mp.setHost(p, 1, PageState.OWNED);
        }
      }
      return Errno.OK;
    } finally {
      unlock(vm);
    }
  }

  /** __pkvm_host_relax_perms_guest: adds permissions to a page of an unprotected guest. */
  Errno relaxPerms(HypVm vm, long gfn, int prot) {
    if (vm.isProtected) {
      return Errno.EPERM;
    }
    if ((prot & ~Pte.RWX) != 0) {
      return Errno.EINVAL;
    }
    vm.lock.lock();
    try {
      long pte = vm.stage2.covers(gfn) ? vm.stage2.leaf(gfn) : 0;
      if (!Pte.valid(pte)) {
        return Errno.EAGAIN;
      }
      vm.stage2.update(gfn, Pte.withProt(pte, Pte.prot(pte) | prot) | Pte.ACCESSED);
      return Errno.OK;
    } finally {
      vm.lock.unlock();
    }
  }

  /** __pkvm_host_wrprotect_guest: takes write permission from a mapping. */
  Errno wrprotect(HypVm vm, long gfn, long nr) {
    Errno e = checkAttributeChange(vm, gfn, nr);
    if (!e.ok()) {
      return e;
    }
    vm.lock.lock();
    try {
      long pte = vm.stage2.leaf(gfn);
      if (Pte.valid(pte)) {
        vm.stage2.update(gfn, Pte.withProt(pte, Pte.prot(pte) & ~Pte.W));
      }
      return Errno.OK;
    } finally {
      vm.lock.unlock();
    }
  }

  /** __pkvm_host_test_clear_young_guest: 1 if the mapping was used, else 0; or an errno. */
  long testClearYoung(HypVm vm, long gfn, long nr, boolean makeOld) {
    Errno e = checkAttributeChange(vm, gfn, nr);
    if (!e.ok()) {
      return -e.number();
    }
    vm.lock.lock();
    try {
      long pte = vm.stage2.leaf(gfn);
      boolean young = Pte.valid(pte) && (pte & Pte.ACCESSED) != 0;
      if (young && makeOld) {
        vm.stage2.update(gfn, pte & ~Pte.ACCESSED);
      }
      return young ? 1 : 0;
    } finally {
      vm.lock.unlock();
    }
  }

  /** __pkvm_host_mkyoung_guest: marks a mapping used. */
  Errno makeYoung(HypVm vm, long gfn) {
    if (vm.isProtected) {
      return Errno.EPERM;
    }
    vm.lock.lock();
    try {
      long pte = vm.stage2.covers(gfn) ? vm.stage2.leaf(gfn) : 0;
      if (Pte.valid(pte)) {
        vm.stage2.update(gfn, pte | Pte.ACCESSED);
      }
      return Errno.OK;
    } finally {
      vm.lock.unlock();
    }
  }

  private static Errno checkAttributeChange(HypVm vm, long gfn, long nr) {
    if (vm.isProtected) {
      return Errno.EPERM;
    }
    return sizeFits(gfn, nr) && coversAll(vm, gfn, nr) ? Errno.OK : Errno.EINVAL;
  }

  /** __pkvm_host_donate_guest: the page becomes the guest's alone. */
  Errno donateGuest(HypVcpu vcpu, long pfn, long gfn) {
    HypVm vm = vcpu.vm;
    if (!mp.map.isValid(pfn, 1) || !vm.stage2.covers(gfn)) {
      return Errno.EINVAL;
    }
    lock(vm);
    try {
      Errno e = mp.checkHost(pfn, 1, PageState.OWNED);
      if (e.ok()) {
        e = checkGuestNoPage(vm, gfn, 1);
      }
      if (!e.ok()) {
        return e;
      }
      if (cacheIsShort(vcpu)) {
        return Errno.ENOMEM;
      }
      mp.takeFromHost(pfn, 1, Pte.ownedByGuest(vm.handle, gfn));
      mapGuest(vcpu, gfn, PageTable.PAGE_LEVEL, Pte.leaf(pfn, Pte.RWX, PageState.OWNED));
      return Errno.OK;
    } finally {
      unlock(vm);
    }
  }

  /** get_valid_guest_pte: poisoned EHWPOISON, nothing ENOENT, not a page E2BIG. */
  private static Errno checkGuestPage(HypVm vm, long gfn) {
    if (!vm.stage2.covers(gfn)) {
      return Errno.ENOENT;
    }
    long pte = vm.stage2.leaf(gfn);
    if (Pte.isPoisoned(pte)) {
      return Errno.EHWPOISON;
    }
    if (!Pte.valid(pte)) {
      return Errno.ENOENT;
    }
    return vm.stage2.leafLevel(gfn) == PageTable.PAGE_LEVEL ? Errno.OK : Errno.E2BIG;
  }

  /** __pkvm_guest_share_host: the guest lets the host in. */
  Errno guestShareHost(HypVm vm, long gfn) {
    return guestToHost(
        vm, gfn, PageState.OWNED, PageState.NOPAGE, PageState.SHARED_OWNED, /* share= */ true);
  }

  /** __pkvm_guest_unshare_host: the guest takes the page back for itself. */
  Errno guestUnshareHost(HypVm vm, long gfn) {
    return guestToHost(
        vm, gfn, PageState.SHARED_OWNED, PageState.SHARED_BORROWED, PageState.OWNED, false);
  }

  private Errno guestToHost(
      HypVm vm,
      long gfn,
      PageState guestNow,
      PageState hostNow,
      PageState guestThen,
      boolean share) {
    lock(vm);
    try {
      Errno e = checkGuestPage(vm, gfn);
      if (!e.ok()) {
        return e;
      }
      long pte = vm.stage2.leaf(gfn);
      if (Pte.state(pte) != guestNow) {
        return Errno.EPERM;
      }
      long pfn = Pte.pfn(pte);
      e = mp.checkHost(pfn, 1, hostNow);
      if (!e.ok()) {
        return e;
      }
      vm.stage2.update(gfn, Pte.withState(pte, guestThen));
      if (share) {
        mp.setHost(pfn, 1, PageState.SHARED_BORROWED);
      } else {
        mp.takeFromHost(pfn, 1, Pte.ownedByGuest(vm.handle, gfn));
      }
      return Errno.OK;
    } finally {
      unlock(vm);
    }
  }

  /**
   * __pkvm_host_reclaim_page_guest: takes a page back from a dying VM. What the guest kept to
   * itself is zeroed, what it had shared is not; a poisoned address has nothing to give.
   */
  Errno reclaimDying(HypVm vm, long gfn) {
    lock(vm);
    try {
      Errno e = checkGuestPage(vm, gfn);
      if (e == Errno.EHWPOISON) {
        return Errno.OK;
      }
      if (!e.ok()) {
        return e;
      }
      long pte = vm.stage2.leaf(gfn);
      long pfn = Pte.pfn(pte);
      PageState state = Pte.state(pte);
      PageState expected = state == PageState.OWNED ? PageState.NOPAGE : PageState.SHARED_BORROWED;
      if (state == PageState.SHARED_BORROWED) {
        return Errno.EPERM;
      }
      if (mp.pages.host(pfn) != expected) {
        throw new HypPanic("guest " + state + " but host " + mp.pages.host(pfn));
      }
      if (state == PageState.OWNED) {
        mp.memory.zero(pfn, 1);
      }
      vm.stage2.clear(gfn);
      mp.setHost(pfn, 1, PageState.OWNED);
      return Errno.OK;
    } finally {
      unlock(vm);
    }
  }

  /**
   * __pkvm_host_force_reclaim_page_guest: the host kernel touched a guest's page and cannot go
   * back; the page is zeroed and returned, and the guest's address is poisoned for good.
   */
  Errno forceReclaim(long pfn) {
    if (!mp.map.isMemory(pfn)) {
      return Errno.EFAULT;
    }
    vms.lock.lock();
    try {
      mp.hostLock.lock();
      try {
        if (mp.pages.host(pfn) != PageState.NOPAGE) {
          return Errno.EAGAIN;
        }
        long annotation = mp.host.entry(pfn);
        if (Pte.owner(annotation) != Owner.GUEST) {
          return Errno.EPERM;
        }
        HypVm vm = vms.get(Pte.ownerHandle(annotation));
        return vm == null ? Errno.EAGAIN : poison(vm, Pte.ownerGfn(annotation), pfn);
      } finally {
        mp.hostLock.unlock();
      }
    } finally {
      vms.lock.unlock();
    }
  }

  private Errno poison(HypVm vm, long gfn, long pfn) {
    vm.lock.lock();
    try {
      Errno e = checkGuestPage(vm, gfn);
      if (!e.ok()) {
        return e;
      }
      long pte = vm.stage2.leaf(gfn);
      if (Pte.pfn(pte) != pfn) {
        throw new HypPanic("annotation and guest mapping name different pages");
      }
      if (Pte.state(pte) != PageState.OWNED) {
        return Errno.EPERM;
      }
      vm.stage2.update(gfn, Pte.poisoned());
      mp.memory.zero(pfn, 1);
      mp.setHost(pfn, 1, PageState.OWNED);
      return Errno.OK;
    } finally {
      vm.lock.unlock();
    }
  }
}
