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
  private final HypSteps steps;

  GuestTransitions(MemProtect mp, VmTable vms, HypSteps steps) {
    this.steps = steps;
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
    return nr == 1 ? HypPageTable.PAGE_LEVEL : HypPageTable.PMD_LEVEL;
  }

  private Errno checkGuestNoPage(HypVm vm, long gfn, long nr) {
    for (long g = gfn; g < gfn + nr; g++) {
      PageState state = Pte.state(vm.stage2.leaf(g));
      if (state != PageState.NOPAGE) {
        long at = g;
        return mp.refuse(Errno.EPERM, () -> guest(vm, at) + " is " + state + ", not empty");
      }
    }
    return Errno.OK;
  }

  private static String guest(HypVm vm, long gfn) {
    return "VM 0x" + Integer.toHexString(vm.handle) + " gfn 0x" + Long.toHexString(gfn);
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
  private boolean cacheIsShort(HypVcpu vcpu) {
    return steps.cacheIsShort(vcpu.memcache.size(), vcpu.vm.minCachePages());
  }

  private Errno shortCache(HypVcpu vcpu) {
    return mp.refuse(
        Errno.ENOMEM,
        () ->
            "the vCPU's memcache holds "
                + vcpu.memcache.size()
                + " pages, a mapping may take "
                + vcpu.vm.minCachePages());
  }

  /** __pkvm_host_share_guest. */
  Errno shareGuest(HypVcpu vcpu, long pfn, long gfn, long nr, int prot) {
    HypVm vm = vcpu.vm;
    if ((prot & ~Pte.RWX) != 0) {
      return mp.refuse(Errno.EINVAL, () -> "permissions 0x" + Integer.toHexString(prot));
    }
    if (!mp.map.isValid(pfn, nr) || !coversAll(vm, gfn, nr)) {
      return mp.refuse(Errno.EINVAL, () -> guest(vm, gfn) + " or its frame is out of range");
    }
    if (!sizeFits(pfn, gfn, nr)) {
      return mp.refuse(Errno.EINVAL, () -> nr + " pages are neither one nor an aligned 2 MiB");
    }
    Errno e = mp.checkAllowed(pfn, nr);
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
        return shortCache(vcpu);
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
        if (shares == 0) {
          yield mp.refuse(
              Errno.EPERM, () -> MemProtect.frame(pfn) + " is shared with EL2 or the secure world");
        }
        yield shares == -1
            ? mp.refuse(Errno.EBUSY, () -> MemProtect.frame(pfn) + " has 2^32 - 1 shares")
            : Errno.OK;
      }
      case SHARED_BORROWED, NOPAGE, POISON ->
          mp.refuse(
              Errno.EPERM,
              () ->
                  MemProtect.frame(pfn)
                      + ": the host's state is "
                      + mp.pages.host(pfn)
                      + ", OWNED or shared with guests expected");
    };
  }

  private static boolean coversAll(HypVm vm, long gfn, long nr) {
    return vm.stage2.covers(gfn) && vm.stage2.covers(gfn + nr - 1);
  }

  /** __check_host_shared_guest: what must hold before a shared mapping is touched. */
  private Errno checkSharedGuest(HypVm vm, long gfn, long nr) {
    long pte = vm.stage2.leaf(gfn);
    if (!Pte.valid(pte)) {
      return mp.refuse(Errno.ENOENT, () -> guest(vm, gfn) + " maps nothing");
    }
    if (vm.stage2.leafLevel(gfn) != level(nr)) {
      return mp.refuse(Errno.E2BIG, () -> guest(vm, gfn) + " is not a mapping of " + nr + " pages");
    }
    if (Pte.state(pte) != PageState.SHARED_BORROWED) {
      return mp.refuse(Errno.EPERM, () -> guest(vm, gfn) + " is not the host's, shared");
    }
    long pfn = Pte.pfn(pte);
    for (long p = pfn; p < pfn + nr; p++) {
      long at = p;
      if (mp.pages.host(p) != PageState.SHARED_OWNED) {
        return mp.refuse(
            Errno.EPERM, () -> MemProtect.frame(at) + ": the host did not share this page");
      }
      if (mp.pages.guestShares(p) == 0) {
        return mp.refuse(Errno.EINVAL, () -> MemProtect.frame(at) + " has no share of a guest");
      }
    }
    return Errno.OK;
  }

  private static boolean sizeFits(long gfn, long nr) {
    return sizeFits(0, gfn, nr);
  }

  private Errno badRange(HypVm vm, long gfn, long nr) {
    return mp.refuse(
        Errno.EINVAL,
        () -> guest(vm, gfn) + ", " + nr + " pages: neither a page nor an aligned 2 MiB in range");
  }

  private Errno isProtected(HypVm vm) {
    return mp.refuse(
        Errno.EPERM, () -> "VM 0x" + Integer.toHexString(vm.handle) + " is a protected one");
  }

  /** __pkvm_host_unshare_guest. */
  Errno unshareGuest(HypVm vm, long gfn, long nr) {
    if (!sizeFits(gfn, nr) || !coversAll(vm, gfn, nr)) {
      return badRange(vm, gfn, nr);
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
      return isProtected(vm);
    }
    if ((prot & ~Pte.RWX) != 0) {
      return mp.refuse(Errno.EINVAL, () -> "permissions 0x" + Integer.toHexString(prot));
    }
    vm.lock.lock();
    try {
      long pte = vm.stage2.covers(gfn) ? vm.stage2.leaf(gfn) : 0;
      if (!Pte.valid(pte)) {
        return mp.refuse(Errno.EAGAIN, () -> guest(vm, gfn) + " maps nothing any more");
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
      return isProtected(vm);
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

  private Errno checkAttributeChange(HypVm vm, long gfn, long nr) {
    if (vm.isProtected) {
      return isProtected(vm);
    }
    return sizeFits(gfn, nr) && coversAll(vm, gfn, nr) ? Errno.OK : badRange(vm, gfn, nr);
  }

  /** __pkvm_host_donate_guest: the page becomes the guest's alone. */
  Errno donateGuest(HypVcpu vcpu, long pfn, long gfn) {
    HypVm vm = vcpu.vm;
    if (!mp.map.isValid(pfn, 1) || !vm.stage2.covers(gfn)) {
      return mp.refuse(Errno.EINVAL, () -> guest(vm, gfn) + " or its frame is out of range");
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
        return shortCache(vcpu);
      }
      mp.takeFromHost(pfn, 1, Pte.ownedByGuest(vm.handle, gfn));
      mapGuest(vcpu, gfn, HypPageTable.PAGE_LEVEL, Pte.leaf(pfn, Pte.RWX, PageState.OWNED));
      return Errno.OK;
    } finally {
      unlock(vm);
    }
  }

  /** get_valid_guest_pte: poisoned EHWPOISON, nothing ENOENT, not a page E2BIG. */
  private Errno checkGuestPage(HypVm vm, long gfn) {
    if (!vm.stage2.covers(gfn)) {
      return mp.refuse(Errno.ERANGE, () -> guest(vm, gfn) + " is out of range");
    }
    long pte = vm.stage2.leaf(gfn);
    if (Pte.isPoisoned(pte)) {
      return mp.refuse(Errno.EHWPOISON, () -> guest(vm, gfn) + " lost its page by force");
    }
    if (!Pte.valid(pte)) {
      return mp.refuse(Errno.ENOENT, () -> guest(vm, gfn) + " maps nothing");
    }
    return vm.stage2.leafLevel(gfn) == HypPageTable.PAGE_LEVEL
        ? Errno.OK
        : mp.refuse(Errno.E2BIG, () -> guest(vm, gfn) + " is part of a block");
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
      PageState state = Pte.state(pte);
      if (state != guestNow) {
        return mp.refuse(
            Errno.EPERM, () -> guest(vm, gfn) + " is " + state + ", " + guestNow + " expected");
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
        return mp.refuse(Errno.EPERM, () -> guest(vm, gfn) + " is the host's page, shared");
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
      return mp.refuse(Errno.EFAULT, () -> MemProtect.frame(pfn) + " is no memory");
    }
    vms.lock.lock();
    try {
      mp.hostLock.lock();
      try {
        if (mp.pages.host(pfn) != PageState.NOPAGE) {
          return mp.refuse(Errno.EAGAIN, () -> MemProtect.frame(pfn) + " is the host's already");
        }
        long annotation = mp.host.entry(pfn);
        if (Pte.owner(annotation) != Owner.GUEST) {
          return mp.refuse(Errno.EPERM, () -> MemProtect.frame(pfn) + " is no guest's");
        }
        HypVm vm = vms.get(Pte.ownerHandle(annotation));
        return vm == null
            ? mp.refuse(
                Errno.EAGAIN, () -> "the VM that owns " + MemProtect.frame(pfn) + " is gone")
            : poison(vm, Pte.ownerGfn(annotation), pfn);
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
        return mp.refuse(Errno.EPERM, () -> guest(vm, gfn) + " is not the guest's alone");
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
