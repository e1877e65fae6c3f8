package dev.cocovisor.pkvm.hyp;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongPredicate;

/**
 * What must hold between any two calls: every page has one owner, and all tables say the same.
 *
 * <p>Checked: states of host and EL2 fit together; the host's stage 2 maps what the host may reach
 * and names the owner of what it may not; an owner's own table holds the page; counts equal the
 * mappings they count. Costs time proportional to the pages in use.
 */
final class HypInvariants {
  private final MemProtect mp;
  private final VmTable vms;
  private final LongPredicate lost;
  private final Map<Long, Integer> borrowedBy = new HashMap<>();
  private final Map<Long, Integer> guestOwners = new HashMap<>();

  /**
   * Prepares a check.
   *
   * @param lost pages the host gave up, since EL2 refused to give them back: they are nobody's once
   *     their VM is buried
   */
  HypInvariants(MemProtect mp, VmTable vms, LongPredicate lost) {
    this.mp = mp;
    this.vms = vms;
    this.lost = lost;
  }

  void check(Consumer<String> violation) {
    vms.forEach(
        vm -> vm.stage2.forEach((gfn, level, pte) -> guest(vm, gfn, level, pte, violation)));
    mp.pages.forEachTouched(pfn -> page(pfn, violation));
    for (long pfn : mp.stacks()) {
      if (mp.pages.host(pfn) != PageState.NOPAGE) {
        violation.accept(name(pfn) + ": a stack of EL2's, which the host may write");
      }
    }
    borrowedBy.forEach((pfn, n) -> {
      if (mp.pages.guestShares(pfn) != n) {
        violation.accept(name(pfn) + ": " + n + " guest mappings, count " + shares(pfn));
      }
    });
    mp.host.forEach((pfn, level, pte) -> {
      if (!Pte.valid(pte) && mp.pages.host(pfn) != PageState.NOPAGE) {
        violation.accept(name(pfn) + ": annotated, yet the host has access");
      }
    });
  }

  private int shares(long pfn) {
    return mp.pages.guestShares(pfn);
  }

  private static String name(long pfn) {
    return "pfn 0x" + Long.toHexString(pfn);
  }

  private void guest(HypVm vm, long gfn, int level, long pte, Consumer<String> violation) {
    if (!Pte.valid(pte)) {
      return;
    }
    long n = 1L << HypPageTable.shift(level);
    for (long i = 0; i < n; i++) {
      long pfn = Pte.pfn(pte) + i;
      String where =
          name(pfn)
              + " at VM 0x"
              + Integer.toHexString(vm.handle)
              + " gfn 0x"
              + Long.toHexString(gfn + i);
      PageState host = mp.pages.host(pfn);
      switch (Pte.state(pte)) {
        case OWNED -> {
          guestOwners.merge(pfn, 1, Integer::sum);
          long annotation = mp.host.entry(pfn);
          if (host != PageState.NOPAGE) {
            violation.accept(where + ": the guest owns it alone, the host has " + host);
          } else if (annotation != Pte.ownedByGuest(vm.handle, gfn + i)) {
            violation.accept(where + ": the host's stage 2 names another owner");
          }
        }
        case SHARED_OWNED -> {
          guestOwners.merge(pfn, 1, Integer::sum);
          if (host != PageState.SHARED_BORROWED) {
            violation.accept(where + ": shared with the host, which has " + host);
          }
        }
        case SHARED_BORROWED -> {
          borrowedBy.merge(pfn, 1, Integer::sum);
          if (host != PageState.SHARED_OWNED) {
            violation.accept(where + ": borrowed from the host, which has " + host);
          }
        }
        case NOPAGE, POISON -> violation.accept(where + ": a valid entry without access");
      }
    }
  }

  private void page(long pfn, Consumer<String> violation) {
    if (lost.test(pfn)) {
      return;
    }
    PageState host = mp.pages.host(pfn);
    PageState hyp = mp.pages.hyp(pfn);
    int pins = mp.pages.refcount(pfn);
    int owners =
        (host == PageState.OWNED || host == PageState.SHARED_OWNED ? 1 : 0)
            + (hyp == PageState.OWNED || hyp == PageState.SHARED_OWNED ? 1 : 0)
            + guestOwners.getOrDefault(pfn, 0);
    if (owners != 1) {
      violation.accept(name(pfn) + ": " + owners + " owners");
    }
    if (hyp == PageState.SHARED_BORROWED && host != PageState.SHARED_OWNED) {
      violation.accept(name(pfn) + ": EL2 borrows it from a host that has " + host);
    }
    boolean mapped = Pte.valid(mp.hyp.leaf(pfn));
    boolean wanted = hyp == PageState.OWNED || (hyp == PageState.SHARED_BORROWED && pins > 0);
    if (mapped != wanted) {
      violation.accept(
          name(pfn)
              + ": EL2 "
              + (mapped ? "maps" : "does not map")
              + " it, "
              + hyp
              + " with "
              + pins
              + " pins");
    }
    long entry = mp.host.entry(pfn);
    if (host == PageState.NOPAGE && (Pte.valid(entry) || Pte.owner(entry) == Owner.HOST)) {
      violation.accept(name(pfn) + ": out of the host's reach, but its stage 2 does not say so");
    }
    if (mp.pages.guestShares(pfn) != 0 && !borrowedBy.containsKey(pfn)) {
      violation.accept(name(pfn) + ": share count " + mp.pages.guestShares(pfn) + ", no mapping");
    }
  }
}
