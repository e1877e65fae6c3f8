package dev.cocovisor.cca.rmm.v1;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import dev.cocovisor.cca.rmm.table.PendingClaims;
import dev.cocovisor.cca.rmm.table.Steps;
import dev.cocovisor.cca.rmm.table.Tables;
import dev.cocovisor.cca.rmm.table.Tree;

/** RMI_RTT_CREATE, RMI_RTT_DESTROY, RMI_RTT_FOLD and RMI_RTT_READ_ENTRY. */
// TF-RMM runtime/rmi/rtt.c: smc_rtt_create, smc_rtt_destroy, smc_rtt_fold, smc_rtt_read_entry.
final class RttCommands {
  private final GranuleTable granules;
  private final Steps steps;
  private final Tables tables;

  RttCommands(Context context, Steps steps) {
    this.steps = steps;
    this.granules = context.granules();
    this.tables = new Tables(granules, PendingClaims.NONE, steps);
  }

  long create(Pe pe, long rd, long rtt, long ipa, long level) {
    if (!granules.findLockTwo(rtt, GranuleState.S_DELEGATED, rd, GranuleState.S_RD)) {
      return pe.refuse(Status.ERROR_INPUT, "rtt is not DELEGATED, or rd is no realm descriptor");
    }
    int t = granules.find(rtt);
    int r = granules.find(rd);
    Realm realm = Realm.of(granules, r);
    long status;
    if (realm.geometry.structural(ipa, level)) {
      status = tables.create(pe, Tree.primary(realm), t, r, ipa, (int) level);
    } else {
      steps.misfit(granules, r);
      status = misfit(pe);
    }
    granules.unlock(t);
    return status;
  }

  private static long misfit(Pe pe) {
    return pe.refuse(Status.ERROR_INPUT, "level or ipa do not fit a table of this realm");
  }

  long destroy(Pe pe, long rd, long ipa, long level) {
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    if (!realm.geometry.structural(ipa, level)) {
      granules.unlock(r);
      return misfit(pe);
    }
    return tables.destroy(pe, Tree.primary(realm), r, ipa, (int) level);
  }

  long fold(Pe pe, long rd, long ipa, long level) {
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    if (!realm.geometry.structural(ipa, level)) {
      granules.unlock(r);
      return misfit(pe);
    }
    return tables.fold(pe, Tree.primary(realm), r, ipa, (int) level);
  }

  /** Tells the host what stands where a walk to {@code level} ends. */
  long readEntry(Pe pe, long rd, long ipa, long level) {
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    if (level < realm.geometry.startLevel()
        || level > Geometry.PAGE_LEVEL
        || !realm.geometry.mappable(ipa, level)) {
      granules.unlock(r);
      return misfit(pe);
    }
    long e = tables.read(pe, Tree.primary(realm), r, ipa, (int) level);
    // Recorded from TF-RMM rmm-spec-v1.0-rel0: ASSIGNED with RIPAS DESTROYED reads as 0.
    if (Rtte.kind(e) == Rtte.ASSIGNED_DESTROYED) {
      pe.out3(0);
    }
    return Status.SUCCESS;
  }
}
