package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.op.Block;
import java.util.HashSet;
import java.util.Set;

/**
 * RECs under RMI 2.0: an operation that says how much memory it wants and gets it by lists. The run
 * page serves as list while the REC does not run.
 *
 * <p>A host that runs out of memory half way has no way to cancel: this RMM lets no operation be
 * cancelled. It offers a granule that is not delegated, at which the operation fails and gives back
 * what it has.
 */
// The CCA series, v15, arch/arm64/kvm/rmi.c: kvm_create_rec, kvm_destroy_rec, with the memory
// exchange of stateful operations. What a host does that cannot donate is open there.
final class RecsByOperation extends Recs {
  private static final int COUNT_SHIFT = 2;
  private static final int LIST_WORDS = 512;

  private final Rmi2 rmm;
  private final long rd;

  RecsByOperation(VmContext vm, Rmi2 rmm, Granules granules, long rd) {
    super(vm, granules);
    this.rmm = rmm;
    this.rd = rd;
  }

  @Override
  Errno create(Pe pe, RealmVcpu vcpu) {
    var given = new HashSet<Long>();
    long rec = granules.allocateDelegated(pe);
    long run = rec < 0 ? rec : granules.allocatePage();
    long page = run < 0 ? run : granules.allocatePage();
    Errno errno = Granules.why(page);
    if (page >= 0) {
      writeParams(page, vcpu, new long[0]);
      errno = create(pe, rec, page, run, given);
      granules.freePage(page);
    }
    if (errno.ok()) {
      vcpu.rec = rec;
      vcpu.run = run;
      vcpu.aux = given.stream().mapToLong(a -> a).toArray();
      memory().zero(run >>> PageLevel.PAGE_SHIFT, 1);
      return errno;
    }
    // What the operation was given and did not give back, it keeps.
    given.forEach(a -> keep(a, "RMI_REC_CREATE did not end"));
    if (run >= 0) {
      granules.freePage(run);
    }
    if (rec >= 0) {
      giveBack(pe, rec);
    }
    return errno;
  }

  private PhysicalMemory memory() {
    return vm.host().memory().raw();
  }

  private void keep(long address, String why) {
    vm.leak(address >>> PageLevel.PAGE_SHIFT, 1, why + " (rmi_sro_memxfer_execute)");
  }

  private Errno create(Pe pe, long rec, long params, long list, Set<Long> given) {
    long status = rmm.recCreate(pe, rd, rec, params);
    long handle = pe.x1();
    long wanted = pe.x2() >>> COUNT_SHIFT;
    Errno errno = Errno.ENXIO;
    if (status == Status.DONATE) {
      errno = Errno.OK;
    }
    while (status == Status.DONATE) {
      long offered = offer(pe, list, Math.min(wanted, LIST_WORDS), given);
      if (offered == 0) {
        errno = Errno.ENOMEM;
        memory().writeLong(list, Block.of(list, RealmTables.PAGE_LEVEL, 1, 0));
        status = rmm.donate(pe, handle, list, 1);
        break;
      }
      status = rmm.donate(pe, handle, list, offered);
      wanted = pe.x2() >>> COUNT_SHIFT;
    }
    if (status == Status.INCOMPLETE) {
      status = rmm.resume(pe, handle);
    }
    if (status == Status.SUCCESS) {
      return Errno.OK;
    }
    if (status == Status.RECLAIM) {
      status = giveBackAll(pe, handle, list, given);
    }
    return errno.ok() ? Errno.ENXIO : errno;
  }

  /** Writes delegated granules to the list; returns how many there was memory for. */
  private long offer(Pe pe, long list, long n, Set<Long> given) {
    for (long i = 0; i < n; i++) {
      long address = granules.allocateDelegated(pe);
      if (address < 0) {
        return i;
      }
      given.add(address);
      memory().writeLong(list + i * Long.BYTES, Block.of(address, RealmTables.PAGE_LEVEL, 1, 0));
    }
    return n;
  }

  /** Reclaims what an operation has, and lets it end; returns its last status. */
  private long giveBackAll(Pe pe, long handle, long list, Set<Long> given) {
    long status = Status.RECLAIM;
    while (status == Status.RECLAIM) {
      status = rmm.reclaim(pe, handle, list, LIST_WORDS);
      long written = pe.x1();
      for (long i = 0; i < written; i++) {
        giveBackBlock(pe, memory().readLong(list + i * Long.BYTES), given);
      }
    }
    return status == Status.INCOMPLETE ? rmm.resume(pe, handle) : status;
  }

  private void giveBackBlock(Pe pe, long block, Set<Long> given) {
    for (long i = 0; i < Block.granules(block); i++) {
      long address = Block.address(block) + (i << PageLevel.PAGE_SHIFT);
      given.remove(address);
      giveBack(pe, address);
    }
  }

  @Override
  void destroy(Pe pe, RealmVcpu vcpu) {
    var given = new HashSet<Long>();
    for (long a : vcpu.aux) {
      given.add(a);
    }
    long status = rmm.recDestroy(pe, vcpu.rec);
    if (status == Status.RECLAIM) {
      status = giveBackAll(pe, pe.x1(), vcpu.run, given);
    }
    // The run page was the list until now.
    granules.freePage(vcpu.run);
    long rec = vcpu.rec;
    vcpu.rec = Granules.NONE;
    if (status != Status.SUCCESS) {
      given.add(rec);
      given.forEach(a -> keep(a, "RMI_REC_DESTROY did not end"));
      return;
    }
    giveBack(pe, rec);
  }
}
