package dev.cocovisor.pkvm.hyp;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import org.jspecify.annotations.Nullable;

/**
 * What EL2 does for each hypercall of the host before it comes to a transition: which vCPU is
 * meant, whether the VM is of the right kind, the vCPU's cache.
 *
 * <p>{@link Hypercall} names the method of each row. Source: {@code nvhe/hyp-main.c}, the
 * handle___pkvm_* functions.
 */
final class HostCalls {
  /** Answers a call that has no effect on page ownership. */
  static final Hypercall.Handler NOTHING = (_, _, _, _, _, _) -> 0;

  final HostTransitions host;
  final VmLife life;
  private final MemProtect mp;
  private final GuestTransitions guest;
  private final HypCpu[] cpus;
  private boolean hostDeprivileged;

  HostCalls(
      MemProtect mp, HostTransitions host, GuestTransitions guest, VmLife life, HypCpu[] cpus) {
    this.mp = mp;
    this.host = host;
    this.guest = guest;
    this.life = life;
    this.cpus = cpus;
  }

  static long result(Errno e) {
    return -e.number();
  }

  boolean allows(Hypercall call) {
    return switch (call.band()) {
      case NEVER -> false;
      case BEFORE -> !hostDeprivileged;
      case ALWAYS -> true;
      case AFTER -> hostDeprivileged;
    };
  }

  long finalise(int cpu) {
    HypCpu c = cpus[cpu];
    if (c.finalised) {
      return result(mp.refuse(Errno.EPERM, () -> "CPU " + cpu + " gave up its privileges before"));
    }
    c.finalised = true;
    // The host flips its static key before the first CPU gets here; no call of the early band can
    // come later.
    hostDeprivileged = true;
    return 0;
  }

  /** handle___kvm_vcpu_run: EINVAL where no vCPU is loaded. */
  long run(int cpu) {
    return cpus[cpu].loaded == null
        ? result(mp.refuse(Errno.EINVAL, () -> "no vCPU is loaded on CPU " + cpu))
        : 0;
  }

  private @Nullable HypVcpu loaded(int cpu, boolean isProtected) {
    HypVcpu v = cpus[cpu].loaded;
    if (v != null && v.vm.isProtected == isProtected) {
      return v;
    }
    var _ =
        mp.refuse(
            Errno.EINVAL,
            () ->
                "no vCPU of "
                    + (isProtected ? "a protected" : "an unprotected")
                    + " VM is loaded on CPU "
                    + cpu);
    return null;
  }

  /** A loaded vCPU of a protected VM, then its cache, then the page. */
  long donateGuest(int cpu, long pfn, long gfn) {
    HypVcpu v = loaded(cpu, true);
    if (v == null) {
      return result(Errno.EINVAL);
    }
    Errno e = life.refill(v);
    return result(e.ok() ? guest.donateGuest(v, pfn, gfn) : e);
  }

  long shareGuest(int cpu, long pfn, long gfn, long pages, long prot) {
    HypVcpu v = loaded(cpu, false);
    if (v == null) {
      return result(Errno.EINVAL);
    }
    Errno e = life.refill(v);
    return result(e.ok() ? guest.shareGuest(v, pfn, gfn, pages, (int) prot) : e);
  }

  long unshareGuest(long handle, long gfn, long pages) {
    HypVm vm = life.unprotected((int) handle);
    return result(vm == null ? Errno.EINVAL : guest.unshareGuest(vm, gfn, pages));
  }

  long relaxPerms(int cpu, long gfn, long prot) {
    HypVcpu v = loaded(cpu, false);
    return result(v == null ? Errno.EINVAL : guest.relaxPerms(v.vm, gfn, (int) prot));
  }

  long wrprotect(long handle, long gfn, long pages) {
    HypVm vm = life.unprotected((int) handle);
    return result(vm == null ? Errno.EINVAL : guest.wrprotect(vm, gfn, pages));
  }

  long testClearYoung(long handle, long gfn, long pages, long makeOld) {
    HypVm vm = life.unprotected((int) handle);
    return vm == null ? result(Errno.EINVAL) : guest.testClearYoung(vm, gfn, pages, makeOld != 0);
  }

  long makeYoung(int cpu, long gfn) {
    HypVcpu v = loaded(cpu, false);
    return result(v == null ? Errno.EINVAL : guest.makeYoung(v.vm, gfn));
  }

  long unreserve(long handle) {
    life.unreserve((int) handle);
    return 0;
  }

  long load(int cpu, long handle, long index) {
    life.load(cpu, (int) handle, (int) index);
    return 0;
  }

  long put(int cpu) {
    life.put(cpu);
    return 0;
  }

  long forceReclaim(long address) {
    return result(guest.forceReclaim(address >>> PageLevel.PAGE_SHIFT));
  }

  long reclaimDying(long handle, long gfn) {
    HypVm vm = life.dying((int) handle);
    return result(vm == null ? Errno.EINVAL : guest.reclaimDying(vm, gfn));
  }

  /**
   * __pkvm_vcpu_in_poison_fault: answers for the address EL2 saw itself, so that the host cannot
   * probe a guest's address space with it.
   */
  long inPoisonFault(int cpu) {
    HypVcpu v = cpus[cpu].loaded;
    if (v == null || !v.exitIsTranslationAbort) {
      return result(mp.refuse(Errno.EINVAL, () -> "no vCPU here left for a translation fault"));
    }
    long gfn = v.faultIpa >>> PageLevel.PAGE_SHIFT;
    v.vm.lock.lock();
    try {
      if (v.vm.stage2.leafLevel(gfn) != HypPageTable.PAGE_LEVEL) {
        return result(mp.refuse(Errno.EINVAL, () -> "the walk ended above the level of pages"));
      }
      return Pte.isPoisoned(v.vm.stage2.leaf(gfn)) ? 1 : 0;
    } finally {
      v.vm.lock.unlock();
    }
  }
}
