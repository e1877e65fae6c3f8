package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.page.RealmParams;
import dev.cocovisor.cca.rmm.page.RecParams;
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
  private final Realms realms;
  private final long rd;
  private final long roots;
  private final int vmid;
  private final RealmTables tables;

  private HostedRealm(
      VmContext vm, Rmi rmm, Granules granules, Realms realms, long rd, long roots, int vmid) {
    this.vm = vm;
    this.rmm = rmm;
    this.granules = granules;
    this.realms = realms;
    this.rd = rd;
    this.roots = roots;
    this.vmid = vmid;
    this.tables = new RealmTables(vm, rmm, granules, rd, START_LEVEL, IPA_BITS);
  }

  /** A realm, or why there is none. */
  sealed interface Creation {
    record Created(HostedRealm realm) implements Creation {}

    record Failed(Errno errno) implements Creation {}
  }

  /** Creates a realm in state NEW; on failure nothing is kept. */
  static Creation create(
      Pe pe, VmContext vm, Rmi rmm, Granules granules, Realms realms, RealmConfig config) {
    int vmid = realms.reserveVmid();
    if (vmid < 0) {
      return new Creation.Failed(Errno.EBUSY);
    }
    long rd = granules.allocateDelegated(pe);
    long roots = rd == Granules.NONE ? rd : granules.allocateDelegated(pe, ROOT_ORDER);
    long page = roots == Granules.NONE ? roots : granules.allocatePage();
    Errno errno = Errno.ENOMEM;
    if (page != Granules.NONE) {
      config
          .params(vmid, roots, START_LEVEL, 1 << ROOT_ORDER)
          .write(vm.host().memory().raw(), page);
      errno = rmm.realmCreate(pe, rd, page) == Status.SUCCESS ? Errno.OK : Errno.ENXIO;
      granules.freePage(page);
    }
    if (errno.ok()) {
      return new Creation.Created(new HostedRealm(vm, rmm, granules, realms, rd, roots, vmid));
    }
    if (roots != Granules.NONE) {
      giveBackRoots(pe, vm, granules, roots);
    }
    if (rd != Granules.NONE && !granules.giveBack(pe, rd)) {
      vm.leak(rd >>> PageLevel.PAGE_SHIFT, 1, "RMI_GRANULE_UNDELEGATE failed");
    }
    realms.freeVmid(vmid);
    return new Creation.Failed(errno);
  }

  private static void giveBackRoots(Pe pe, VmContext vm, Granules granules, long roots) {
    long leaked = granules.undelegate(pe, roots >>> PageLevel.PAGE_SHIFT, 1L << ROOT_ORDER);
    if (leaked == 0) {
      vm.host().memory().free(roots >>> PageLevel.PAGE_SHIFT, ROOT_ORDER);
    } else {
      vm.leak(roots >>> PageLevel.PAGE_SHIFT, leaked, "RMI_GRANULE_UNDELEGATE failed");
    }
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
    if (rmm.recAuxCount(pe, rd) != Status.SUCCESS) {
      return Errno.ENXIO;
    }
    long[] aux = new long[(int) pe.x1()];
    int got = 0;
    while (got < aux.length) {
      long a = granules.allocateDelegated(pe);
      if (a == Granules.NONE) {
        break;
      }
      aux[got++] = a;
    }
    long rec = got == aux.length ? granules.allocateDelegated(pe) : Granules.NONE;
    long run = rec == Granules.NONE ? rec : granules.allocatePage();
    long page = run == Granules.NONE ? run : granules.allocatePage();
    Errno errno = Errno.ENOMEM;
    if (page != Granules.NONE) {
      new RecParams(
              vcpu.powerOff ? 0 : RecParams.RUNNABLE,
              RecParams.mpidr(vcpu.id),
              0,
              new long[8],
              aux.length,
              aux)
          .write(vm.host().memory().raw(), page);
      errno = rmm.recCreate(pe, rd, rec, page) == Status.SUCCESS ? Errno.OK : Errno.ENXIO;
      granules.freePage(page);
    }
    if (errno.ok()) {
      vcpu.rec = rec;
      vcpu.run = run;
      vcpu.aux = aux;
      return errno;
    }
    if (run != Granules.NONE) {
      granules.freePage(run);
    }
    if (rec != Granules.NONE) {
      giveBack(pe, rec);
    }
    for (int i = 0; i < got; i++) {
      giveBack(pe, aux[i]);
    }
    return errno;
  }

  void destroyRec(Pe pe, RealmVcpu vcpu) {
    if (vcpu.rec == Granules.NONE) {
      return;
    }
    if (rmm.recDestroy(pe, vcpu.rec) != Status.SUCCESS) {
      vm.leak(vcpu.rec >>> PageLevel.PAGE_SHIFT, 1L + vcpu.aux.length, "RMI_REC_DESTROY failed");
      return;
    }
    giveBack(pe, vcpu.rec);
    for (long a : vcpu.aux) {
      giveBack(pe, a);
    }
    granules.freePage(vcpu.run);
    vcpu.rec = Granules.NONE;
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
    tables.tearDown(pe);
    if (rmm.realmDestroy(pe, rd) != Status.SUCCESS) {
      vm.leak(rd >>> PageLevel.PAGE_SHIFT, 1L + (1L << ROOT_ORDER), "RMI_REALM_DESTROY failed");
      return;
    }
    giveBackRoots(pe, vm, granules, roots);
    giveBack(pe, rd);
    realms.freeVmid(vmid);
  }

  private void giveBack(Pe pe, long address) {
    if (!granules.giveBack(pe, address)) {
      vm.leak(address >>> PageLevel.PAGE_SHIFT, 1, "RMI_GRANULE_UNDELEGATE failed");
    }
  }

  /** Parameters the VMM chose before the realm was made. */
  record RealmConfig(int hashAlgorithm) {
    RealmParams params(int vmid, long roots, int startLevel, int rootCount) {
      return new RealmParams(
          0,
          IPA_BITS,
          0,
          1,
          1,
          0,
          hashAlgorithm,
          new byte[RealmParams.RPV_BYTES],
          vmid,
          roots,
          startLevel,
          rootCount);
    }
  }
}
