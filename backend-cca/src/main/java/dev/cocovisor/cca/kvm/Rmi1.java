package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.page.RealmParams;
import dev.cocovisor.cca.rmm.v1.RmiCommand;
import dev.cocovisor.cca.rmm.v1.Rmm1;

/** RMI 1.0: a call a granule, everything finished when it returns; KVM keeps the VMIDs. */
final class Rmi1 extends Rmi {
  private final Rmm1 rmm;
  private final Realms realms;

  Rmi1(Rmm1 rmm, TraceSink trace, Realms realms) {
    super(rmm, trace);
    this.rmm = rmm;
    this.realms = realms;
  }

  @Override
  int takeVmid() {
    return realms.reserveVmid();
  }

  @Override
  void freeVmid(int vmid) {
    realms.freeVmid(vmid);
  }

  @Override
  RealmTables tables(VmContext vm, Granules granules, long rd, int startLevel, int bits) {
    return new TablesByPage(vm, this, granules, rd, startLevel, bits);
  }

  @Override
  Recs recs(VmContext vm, Granules granules, long rd) {
    return new RecsAtOnce(vm, this, granules, rd);
  }

  @Override
  long realmCreate(Pe pe, PhysicalMemory memory, long rd, long page, RealmPlan plan) {
    new RealmParams(
            0,
            plan.ipaBits(),
            0,
            1,
            1,
            0,
            plan.hashAlgorithm(),
            new byte[RealmParams.RPV_BYTES],
            plan.vmid(),
            plan.roots(),
            plan.startLevel(),
            plan.rootCount())
        .write(memory, page);
    return realmCreate(pe, rd, page);
  }

  /** The RMM of 1.0 destroys a realm in any state. */
  @Override
  long realmTerminate(Pe pe, long rd) {
    return Status.SUCCESS;
  }

  @Override
  long granuleDelegate(Pe pe, long address) {
    long status = rmm.granuleDelegate(pe, address);
    if (traced()) {
      told(pe, RmiCommand.GRANULE_DELEGATE, status, address);
    }
    return status;
  }

  @Override
  long granuleUndelegate(Pe pe, long address) {
    long status = rmm.granuleUndelegate(pe, address);
    if (traced()) {
      told(pe, RmiCommand.GRANULE_UNDELEGATE, status, address);
    }
    return status;
  }

  @Override
  long populate(Pe pe, long rd, long data, long ipa, long source, long flags) {
    long status = rmm.dataCreate(pe, rd, data, ipa, source, flags);
    if (traced()) {
      told(pe, RmiCommand.DATA_CREATE, status, rd, data, ipa, source, flags);
    }
    return status;
  }

  long dataCreateUnknown(Pe pe, long rd, long data, long ipa) {
    long status = rmm.dataCreateUnknown(pe, rd, data, ipa);
    if (traced()) {
      told(pe, RmiCommand.DATA_CREATE_UNKNOWN, status, rd, data, ipa);
    }
    return status;
  }

  long dataDestroy(Pe pe, long rd, long ipa) {
    long status = rmm.dataDestroy(pe, rd, ipa);
    if (traced()) {
      told(pe, RmiCommand.DATA_DESTROY, status, rd, ipa);
    }
    return status;
  }

  @Override
  long realmActivate(Pe pe, long rd) {
    long status = rmm.realmActivate(pe, rd);
    if (traced()) {
      told(pe, RmiCommand.REALM_ACTIVATE, status, rd);
    }
    return status;
  }

  private long realmCreate(Pe pe, long rd, long params) {
    long status = rmm.realmCreate(pe, rd, params);
    if (traced()) {
      told(pe, RmiCommand.REALM_CREATE, status, rd, params);
    }
    return status;
  }

  @Override
  long realmDestroy(Pe pe, long rd) {
    long status = rmm.realmDestroy(pe, rd);
    if (status == Status.SUCCESS) {
      forget(rd);
    }
    if (traced()) {
      told(pe, RmiCommand.REALM_DESTROY, status, rd);
    }
    return status;
  }

  long recCreate(Pe pe, long rd, long rec, long params) {
    long status = rmm.recCreate(pe, rd, rec, params);
    if (traced()) {
      told(pe, RmiCommand.REC_CREATE, status, rd, rec, params);
    }
    return status;
  }

  long recDestroy(Pe pe, long rec) {
    long status = rmm.recDestroy(pe, rec);
    if (traced()) {
      told(pe, RmiCommand.REC_DESTROY, status, rec);
    }
    return status;
  }

  @Override
  long recEnter(Pe pe, long rec, long run) {
    long status = rmm.recEnter(pe, rec, run);
    if (traced()) {
      told(pe, RmiCommand.REC_ENTER, status, rec, run);
    }
    return status;
  }

  @Override
  long rttCreate(Pe pe, long rd, long rtt, long ipa, long level) {
    long status = rmm.rttCreate(pe, rd, rtt, ipa, level);
    count(rd, status, 1);
    if (traced()) {
      told(pe, RmiCommand.RTT_CREATE, status, rd, rtt, ipa, level);
    }
    return status;
  }

  @Override
  long rttDestroy(Pe pe, long rd, long ipa, long level) {
    long status = rmm.rttDestroy(pe, rd, ipa, level);
    count(rd, status, -1);
    if (traced()) {
      told(pe, RmiCommand.RTT_DESTROY, status, rd, ipa, level);
    }
    return status;
  }

  long rttMapUnprotected(Pe pe, long rd, long ipa, long level, long desc) {
    long status = rmm.rttMapUnprotected(pe, rd, ipa, level, desc);
    if (traced()) {
      told(pe, RmiCommand.RTT_MAP_UNPROTECTED, status, rd, ipa, level, desc);
    }
    return status;
  }

  @Override
  long rttReadEntry(Pe pe, long rd, long ipa, long level) {
    long status = rmm.rttReadEntry(pe, rd, ipa, level);
    if (traced()) {
      told(pe, RmiCommand.RTT_READ_ENTRY, status, rd, ipa, level);
    }
    return status;
  }

  long rttUnmapUnprotected(Pe pe, long rd, long ipa, long level) {
    long status = rmm.rttUnmapUnprotected(pe, rd, ipa, level);
    if (traced()) {
      told(pe, RmiCommand.RTT_UNMAP_UNPROTECTED, status, rd, ipa, level);
    }
    return status;
  }

  @Override
  long psciComplete(Pe pe, long calling, long target, long result) {
    long status = rmm.psciComplete(pe, calling, target, result);
    if (traced()) {
      told(pe, RmiCommand.PSCI_COMPLETE, status, calling, target, result);
    }
    return status;
  }

  @Override
  long rttFold(Pe pe, long rd, long ipa, long level) {
    long status = rmm.rttFold(pe, rd, ipa, level);
    count(rd, status, -1);
    if (traced()) {
      told(pe, RmiCommand.RTT_FOLD, status, rd, ipa, level);
    }
    return status;
  }

  long recAuxCount(Pe pe, long rd) {
    long status = rmm.recAuxCount(pe, rd);
    if (traced()) {
      told(pe, RmiCommand.REC_AUX_COUNT, status, rd);
    }
    return status;
  }

  @Override
  long rttInitRipas(Pe pe, long rd, long base, long top) {
    long status = rmm.rttInitRipas(pe, rd, base, top);
    if (traced()) {
      told(pe, RmiCommand.RTT_INIT_RIPAS, status, rd, base, top);
    }
    return status;
  }

  @Override
  long rttSetRipas(Pe pe, long rd, long rec, long base, long top) {
    long status = rmm.rttSetRipas(pe, rd, rec, base, top);
    if (traced()) {
      told(pe, RmiCommand.RTT_SET_RIPAS, status, rd, rec, base, top);
    }
    return status;
  }
}
