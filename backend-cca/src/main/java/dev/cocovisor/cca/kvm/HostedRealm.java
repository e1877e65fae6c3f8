package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import java.util.List;

/**
 * A realm's life as the host drives it: descriptor and root tables, initial RIPAS, RECs,
 * activation, and the way back.
 */
// The CCA series, arch/arm64/kvm/rmi.c: realm_create_rd, kvm_create_rec, kvm_activate_realm,
// kvm_destroy_realm.
final class HostedRealm {
  /** The IPA width KVM gives a VM that names none. Source: arm64 KVM, kvm_init_ipa_range. */
  static final int IPA_BITS = 40;

  private static final int START_LEVEL = 1;
  private static final int ROOT_ORDER = 1;

  private final VmContext vm;
  private final Rmi rmm;
  private final Granules granules;
  private final long rd;
  private final long roots;
  private final int vmid;
  private final RealmTables tables;
  private final Recs recs;

  private HostedRealm(VmContext vm, Rmi rmm, Granules granules, long rd, long roots, int vmid) {
    this.vm = vm;
    this.rmm = rmm;
    this.granules = granules;
    this.rd = rd;
    this.roots = roots;
    this.vmid = vmid;
    this.tables = rmm.tables(vm, granules, rd, START_LEVEL, IPA_BITS);
    this.recs = rmm.recs(vm, granules, rd);
  }

  /** A realm, or why there is none. */
  sealed interface Creation {
    record Created(HostedRealm realm) implements Creation {}

    record Failed(Errno errno) implements Creation {}
  }

  /** Creates a realm in state NEW; on failure nothing is kept. */
  static Creation create(Pe pe, VmContext vm, Rmi rmm, Granules granules, int hashAlgorithm) {
    int vmid = rmm.takeVmid();
    if (vmid < 0) {
      return new Creation.Failed(
          vm.host().trace().refuse(Errno.EBUSY, "every VMID of the RMM is taken"));
    }
    long rd = granules.allocateDelegated(pe);
    long roots = rd < 0 ? rd : granules.allocateDelegated(pe, vm, ROOT_ORDER);
    long page = roots < 0 ? roots : granules.allocatePage();
    Errno errno = Granules.why(page);
    if (page >= 0) {
      Rmi.RealmPlan plan =
          new Rmi.RealmPlan(hashAlgorithm, IPA_BITS, vmid, roots, START_LEVEL, 1 << ROOT_ORDER);
      long status = rmm.realmCreate(pe, vm.host().memory().raw(), rd, page, plan);
      errno = status == Status.SUCCESS ? Errno.OK : Errno.ENXIO;
      granules.freePage(page);
    }
    if (errno.ok()) {
      return new Creation.Created(new HostedRealm(vm, rmm, granules, rd, roots, vmid));
    }
    if (roots >= 0) {
      granules.giveBack(pe, vm, roots, ROOT_ORDER);
    }
    if (rd >= 0) {
      granules.giveBack(pe, vm, rd);
    }
    rmm.freeVmid(vmid);
    return new Creation.Failed(errno);
  }

  long rd() {
    return rd;
  }

  RealmTables tables() {
    return tables;
  }

  /** Makes all memory of the slots RAM that is not there yet. */
  Errno initRipas(Pe pe, List<? extends SlotView> slots) {
    for (SlotView slot : slots) {
      if (!slot.hasGuestMemfd()) {
        continue;
      }
      Errno e =
          initRipas(
              pe, slot.baseGfn() << PageLevel.PAGE_SHIFT, slot.endGfn() << PageLevel.PAGE_SHIFT);
      if (!e.ok()) {
        return e;
      }
    }
    return Errno.OK;
  }

  private Errno initRipas(Pe pe, long base, long top) {
    long at = base;
    while (at < top) {
      long status = rmm.rttInitRipas(pe, rd, at, top);
      if (status == Status.SUCCESS) {
        at = pe.x1();
        continue;
      }
      if (!RealmTables.isRtt(status)) {
        return Errno.ENXIO;
      }
      int level = Status.index(status);
      if (level == RealmTables.PAGE_LEVEL) {
        // Populated already: DATA_CREATE made it RAM.
        at += RealmTables.PAGE;
        continue;
      }
      Errno e = tables.createTables(pe, at, level, level + 1);
      if (!e.ok()) {
        return e;
      }
    }
    return Errno.OK;
  }

  /** Makes the REC of a vCPU; on failure nothing is kept. */
  Errno createRec(Pe pe, RealmVcpu vcpu) {
    return recs.create(pe, vcpu);
  }

  void destroyRec(Pe pe, RealmVcpu vcpu) {
    if (vcpu.rec != Granules.NONE) {
      recs.destroy(pe, vcpu);
    }
  }

  Errno activate(Pe pe) {
    return rmm.realmActivate(pe, rd) == Status.SUCCESS ? Errno.OK : Errno.ENXIO;
  }

  /** Returns how many tables the RMM has for the realm, root included. */
  long tablePages() {
    return (1L << ROOT_ORDER) + rmm.tables(rd);
  }

  /** Takes tables, roots and descriptor back; the RECs are gone by then. */
  void destroy(Pe pe) {
    if (rmm.realmTerminate(pe, rd) != Status.SUCCESS) {
      leakAll("RMI_REALM_TERMINATE failed");
      return;
    }
    tables.tearDown(pe);
    if (rmm.realmDestroy(pe, rd) != Status.SUCCESS) {
      leakAll("RMI_REALM_DESTROY failed (kvm_destroy_realm warns and returns)");
      return;
    }
    granules.giveBack(pe, vm, roots, ROOT_ORDER);
    granules.giveBack(pe, vm, rd);
    rmm.freeVmid(vmid);
  }

  /**
   * A realm that cannot be destroyed keeps what it has: descriptor, tables, and the pages in them.
   */
  private void leakAll(String why) {
    rmm.rmm()
        .view()
        .forEachGranule(rd, address -> vm.leak(address >>> PageLevel.PAGE_SHIFT, 1, why));
  }
}
