package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.page.RealmParams;
import dev.cocovisor.cca.rmm.page.RealmParams2;
import dev.cocovisor.cca.rmm.v2.Rmi2Command;
import dev.cocovisor.cca.rmm.v2.Rmm2;

/**
 * RMI 2.0: ranges that say how far they came, and operations that are continued until they are
 * through. What the RMM answers BUSY is tried again, for a while.
 */
// The CCA series, v15, arch/arm64/include/asm/rmi_cmds.h and arch/arm64/kvm/rmi.c: rmi_sro_execute
// and the range helpers. How long to try again is this model's own choice.
final class Rmi2 extends Rmi {
  private static final long VERSION_2_0 = 0x20000;
  private static final int PATIENCE = 1000;

  private final Rmm2 rmm;

  Rmi2(Rmm2 rmm, TraceSink trace) {
    super(rmm, trace);
    this.rmm = rmm;
    Pe boot = new Pe();
    if (call(boot, Rmi2Command.VERSION, VERSION_2_0) != Status.SUCCESS
        || call(boot, Rmi2Command.RMM_ACTIVATE) != Status.SUCCESS) {
      throw new IllegalStateException("the RMM of this platform does not start");
    }
  }

  private long call(Pe pe, Rmi2Command command, long... operands) {
    long status = rmm.call(pe, command.number(), operands);
    if (traced()) {
      told(pe, command, status, operands);
    }
    return status;
  }

  /** Makes a call again while it is BUSY. */
  private long patiently(Pe pe, Rmi2Command command, long... operands) {
    long status = call(pe, command, operands);
    for (int i = 0; status == Status.BUSY && i < PATIENCE; i++) {
      status = call(pe, command, operands);
    }
    return status;
  }

  /** Makes a call, and continues the operation that it leaves until that is through. */
  private long throughout(Pe pe, Rmi2Command command, long... operands) {
    long status = patiently(pe, command, operands);
    long handle = pe.x1();
    while (status == Status.INCOMPLETE) {
      status = resume(pe, handle);
    }
    return status;
  }

  @Override
  long granuleDelegate(Pe pe, long address) {
    return call(pe, Rmi2Command.GRANULE_RANGE_DELEGATE, address, address + PageLevel.PAGE_SIZE);
  }

  @Override
  long granuleUndelegate(Pe pe, long address) {
    return call(pe, Rmi2Command.GRANULE_RANGE_UNDELEGATE, address, address + PageLevel.PAGE_SIZE);
  }

  @Override
  long realmActivate(Pe pe, long rd) {
    return call(pe, Rmi2Command.REALM_ACTIVATE, rd);
  }

  @Override
  long recEnter(Pe pe, long rec, long run) {
    return call(pe, Rmi2Command.REC_ENTER, rec, run);
  }

  @Override
  long psciComplete(Pe pe, long calling, long target, long result) {
    return call(pe, Rmi2Command.PSCI_COMPLETE, calling, target, result);
  }

  @Override
  long rttCreate(Pe pe, long rd, long rtt, long ipa, long level) {
    long status = patiently(pe, Rmi2Command.RTT_CREATE, rd, rtt, ipa, level);
    count(rd, status, 1);
    return status;
  }

  @Override
  long rttDestroy(Pe pe, long rd, long ipa, long level) {
    long status = patiently(pe, Rmi2Command.RTT_DESTROY, rd, ipa, level);
    count(rd, status, -1);
    return status;
  }

  @Override
  long rttFold(Pe pe, long rd, long ipa, long level) {
    long status = call(pe, Rmi2Command.RTT_FOLD, rd, ipa, level);
    count(rd, status, -1);
    return status;
  }

  @Override
  long rttReadEntry(Pe pe, long rd, long ipa, long level) {
    return call(pe, Rmi2Command.RTT_READ_ENTRY, rd, ipa, level);
  }

  @Override
  long rttInitRipas(Pe pe, long rd, long base, long top) {
    return call(pe, Rmi2Command.RTT_INIT_RIPAS, rd, base, top);
  }

  @Override
  long rttSetRipas(Pe pe, long rd, long rec, long base, long top) {
    return call(pe, Rmi2Command.RTT_SET_RIPAS, rd, rec, base, top);
  }

  @Override
  long populate(Pe pe, long rd, long data, long ipa, long source, long flags) {
    return patiently(pe, Rmi2Command.RTT_DATA_MAP_INIT, rd, data, ipa, source, flags);
  }

  /** Gives blocks to the realm; x1 how far it came, beyond {@code base} unless it failed. */
  long dataMap(Pe pe, long rd, long base, long top, long flags, long blocks) {
    long status;
    int tries = 0;
    do {
      status = throughout(pe, Rmi2Command.RTT_DATA_MAP, rd, base, top, flags, blocks);
    } while (status == Status.SUCCESS && pe.x1() == base && tries++ < PATIENCE);
    return status;
  }

  /** Takes blocks from the realm; x1 how far it came, x2 the memory. */
  long dataUnmap(Pe pe, long rd, long base, long top, long flags) {
    return throughout(pe, Rmi2Command.RTT_DATA_UNMAP, rd, base, top, flags, 0);
  }

  /** Maps blocks of the host's; x1 how far it came. */
  long unprotectedMap(Pe pe, long rd, long base, long top, long flags, long blocks) {
    return call(pe, Rmi2Command.RTT_UNPROT_MAP, rd, base, top, flags, blocks);
  }

  /** Takes memory of the host's out of the shared half; x1 how far it came. */
  long unprotectedUnmap(Pe pe, long rd, long base, long top) {
    return throughout(pe, Rmi2Command.RTT_UNPROT_UNMAP, rd, base, top, 0, 0);
  }

  @Override
  long realmCreate(Pe pe, PhysicalMemory memory, long rd, long page, RealmPlan plan) {
    new RealmParams2(
            0,
            plan.ipaBits(),
            0,
            1,
            1,
            0,
            plan.hashAlgorithm(),
            0,
            new byte[RealmParams.RPV_BYTES],
            0,
            plan.roots(),
            plan.startLevel(),
            plan.rootCount(),
            0,
            new long[RealmParams2.MAX_AUX_PLANES])
        .write(memory, page);
    return call(pe, Rmi2Command.REALM_CREATE, rd, page);
  }

  @Override
  long realmTerminate(Pe pe, long rd) {
    return patiently(pe, Rmi2Command.REALM_TERMINATE, rd);
  }

  @Override
  long realmDestroy(Pe pe, long rd) {
    long status = patiently(pe, Rmi2Command.REALM_DESTROY, rd);
    if (status == Status.SUCCESS) {
      forget(rd);
    }
    return status;
  }

  /** Begins a REC; x1 the handle, x2 the memory it wants. */
  long recCreate(Pe pe, long rd, long rec, long params) {
    return patiently(pe, Rmi2Command.REC_CREATE, rd, rec, params);
  }

  /** Begins the end of a REC; x1 the handle. */
  long recDestroy(Pe pe, long rec) {
    return patiently(pe, Rmi2Command.REC_DESTROY, rec);
  }

  /**
   * Goes on with an operation. The RMM refuses only a handle that is none, so one that is refused
   * is asked for once more: given up too early, it keeps what it stamped, and none can be
   * cancelled.
   */
  long resume(Pe pe, long handle) {
    long status = patiently(pe, Rmi2Command.OP_CONTINUE, handle, 0);
    return status == Status.ERROR_INPUT
        ? patiently(pe, Rmi2Command.OP_CONTINUE, handle, 0)
        : status;
  }

  long cancel(Pe pe, long handle) {
    return patiently(pe, Rmi2Command.OP_CANCEL, handle);
  }

  long donate(Pe pe, long handle, long list, long count) {
    return patiently(pe, Rmi2Command.OP_MEM_DONATE, handle, list, count);
  }

  long reclaim(Pe pe, long handle, long list, long count) {
    return patiently(pe, Rmi2Command.OP_MEM_RECLAIM, handle, list, count);
  }

  /** The RMM of 2.0 chooses VMIDs itself. */
  @Override
  int takeVmid() {
    return 0;
  }

  @Override
  void freeVmid(int vmid) {}

  @Override
  RealmTables tables(VmContext vm, Granules granules, long rd, int startLevel, int bits) {
    return new TablesByRange(vm, this, granules, rd, startLevel, bits);
  }

  @Override
  Recs recs(VmContext vm, Granules granules, long rd) {
    return new RecsByOperation(vm, this, granules, rd);
  }
}
