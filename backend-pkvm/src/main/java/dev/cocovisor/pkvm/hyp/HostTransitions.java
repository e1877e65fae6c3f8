package dev.cocovisor.pkvm.hyp;

import dev.cocovisor.api.Errno;

/**
 * Transitions between the host, EL2 and the secure world (FF-A).
 *
 * <p>Each method's checks come in the kernel's order. Page numbers are 4 KiB frames. Source: {@code
 * nvhe/mem_protect.c}; functions are named in each comment.
 */
final class HostTransitions {
  private final MemProtect mp;

  HostTransitions(MemProtect mp) {
    this.mp = mp;
  }

  private void lock() {
    mp.hostLock.lock();
    mp.hypLock.lock();
  }

  private void unlock() {
    mp.hypLock.unlock();
    mp.hostLock.unlock();
  }

  /** __pkvm_host_share_hyp: EPERM unless the host owns it alone. EL2 does not map it yet. */
  Errno shareHyp(long pfn) {
    lock();
    try {
      Errno e = mp.checkHost(pfn, 1, PageState.OWNED);
      if (e.ok()) {
        e = mp.checkHyp(pfn, 1, PageState.NOPAGE);
      }
      if (e.ok()) {
        mp.setHyp(pfn, 1, PageState.SHARED_BORROWED);
        mp.setHost(pfn, 1, PageState.SHARED_OWNED);
      }
      return e;
    } finally {
      unlock();
    }
  }

  /** __pkvm_host_unshare_hyp: EPERM unless shared with EL2, EBUSY while pinned. */
  Errno unshareHyp(long pfn) {
    lock();
    try {
      Errno e = mp.checkHost(pfn, 1, PageState.SHARED_OWNED);
      if (e.ok()) {
        e = mp.checkHyp(pfn, 1, PageState.SHARED_BORROWED);
      }
      if (!e.ok()) {
        return e;
      }
      if (mp.pages.refcount(pfn) != 0) {
        return mp.refuse(Errno.EBUSY, () -> MemProtect.frame(pfn) + " is pinned by EL2");
      }
      mp.setHyp(pfn, 1, PageState.NOPAGE);
      mp.setHost(pfn, 1, PageState.OWNED);
      return Errno.OK;
    } finally {
      unlock();
    }
  }

  /** hyp_pin_shared_mem: keeps shared pages shared and maps them at EL2 with the first pin. */
  Errno pin(long pfn, long n) {
    lock();
    try {
      Errno e = mp.checkHost(pfn, n, PageState.SHARED_OWNED);
      if (e.ok()) {
        e = mp.checkHyp(pfn, n, PageState.SHARED_BORROWED);
      }
      if (!e.ok()) {
        return e;
      }
      for (long p = pfn; p < pfn + n; p++) {
        if (mp.pages.get(p) == 1) {
          mp.mapAtHyp(p);
        }
      }
      return Errno.OK;
    } finally {
      unlock();
    }
  }

  /** hyp_unpin_shared_mem: drops a pin; the last one unmaps the page at EL2. */
  void unpin(long pfn, long n) {
    lock();
    try {
      for (long p = pfn; p < pfn + n; p++) {
        if (mp.pages.put(p) == 0) {
          mp.unmapAtHyp(p);
        }
      }
    } finally {
      unlock();
    }
  }

  /** __pkvm_host_donate_hyp: EINVAL for a bad range, EPERM unless the host owns it alone. */
  Errno donateHyp(long pfn, long n) {
    Errno valid = mp.checkValid(pfn, n);
    if (!valid.ok()) {
      return valid;
    }
    lock();
    try {
      Errno e = mp.checkHost(pfn, n, PageState.OWNED);
      if (e.ok()) {
        e = mp.checkHyp(pfn, n, PageState.NOPAGE);
      }
      if (!e.ok()) {
        return e;
      }
      mp.setHyp(pfn, n, PageState.OWNED);
      for (long p = pfn; p < pfn + n; p++) {
        mp.mapAtHyp(p);
      }
      mp.takeFromHost(pfn, n, Pte.ownedByHyp());
      return Errno.OK;
    } finally {
      unlock();
    }
  }

  /** __pkvm_hyp_donate_host: EINVAL, EPERM unless EL2 owns it alone, EBUSY while referenced. */
  Errno hypDonateHost(long pfn, long n) {
    Errno valid = mp.checkValid(pfn, n);
    if (!valid.ok()) {
      return valid;
    }
    lock();
    try {
      Errno e = mp.checkHyp(pfn, n, PageState.OWNED);
      if (e.ok()) {
        e = mp.checkHost(pfn, n, PageState.NOPAGE);
      }
      if (!e.ok()) {
        return e;
      }
      for (long p = pfn; p < pfn + n; p++) {
        if (mp.pages.refcount(p) != 0) {
          long at = p;
          return mp.refuse(Errno.EBUSY, () -> MemProtect.frame(at) + " is in use at EL2");
        }
      }
      for (long p = pfn; p < pfn + n; p++) {
        mp.unmapAtHyp(p);
      }
      mp.setHyp(pfn, n, PageState.NOPAGE);
      mp.setHost(pfn, n, PageState.OWNED);
      return Errno.OK;
    } finally {
      unlock();
    }
  }

  /** __pkvm_host_share_ffa: EINVAL for a bad range, EPERM unless the host owns it alone. */
  Errno shareFfa(long pfn, long n) {
    return ffa(pfn, n, PageState.OWNED, PageState.SHARED_OWNED);
  }

  /**
   * __pkvm_host_unshare_ffa: looks at the host's state only. A page shared with EL2 or a guest
   * would pass; that the secure world names only pages it was given is an assumption of this layer.
   */
  Errno unshareFfa(long pfn, long n) {
    return ffa(pfn, n, PageState.SHARED_OWNED, PageState.OWNED);
  }

  private Errno ffa(long pfn, long n, PageState from, PageState to) {
    Errno valid = mp.checkValid(pfn, n);
    if (!valid.ok()) {
      return valid;
    }
    mp.hostLock.lock();
    try {
      Errno e = mp.checkHost(pfn, n, from);
      if (e.ok()) {
        mp.setHost(pfn, n, to);
      }
      return e;
    } finally {
      mp.hostLock.unlock();
    }
  }
}
