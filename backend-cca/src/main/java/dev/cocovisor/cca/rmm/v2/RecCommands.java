package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.op.Operations;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Rec;

/** RMI_REC_CREATE and RMI_REC_DESTROY: both begin an operation that moves auxiliary memory. */
// TF-RMM 9a7f8ef4 runtime/rmi/rec.c.
final class RecCommands {
  private final Context context;
  private final GranuleTable granules;
  private final Operations operations;

  RecCommands(Context context, Operations operations) {
    this.context = context;
    this.granules = context.granules();
    this.operations = operations;
  }

  /** Takes the REC's granule; realm and parameters are looked at once its memory is there. */
  long create(Pe pe, long rd, long rec, long params) {
    int v = granules.findLock(rec, GranuleState.S_DELEGATED);
    if (v == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rec is not DELEGATED");
    }
    int place = operations.reserve();
    if (place == Operations.NONE) {
      granules.unlock(v);
      return operations.full(pe);
    }
    RecCreation creation = new RecCreation(context, place, rd, v, params);
    granules.unlockTransition(v, GranuleState.S_PARTIAL);
    operations.open(creation);
    pe.out1(place);
    pe.out2(creation.exchange().request());
    return Status.DONATE;
  }

  /** Takes the REC out of its realm; its memory is to be reclaimed before it is gone. */
  long destroy(Pe pe, long rec) {
    int place = operations.reserve();
    if (place == Operations.NONE) {
      return operations.full(pe);
    }
    long status = destroy(pe, rec, place);
    if (status != Status.RECLAIM) {
      operations.release(place);
    }
    return status;
  }

  private long destroy(Pe pe, long rec, int place) {
    int v = granules.findLock(rec, GranuleState.S_REC);
    if (v == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rec is no REC");
    }
    if (granules.count(v) != 0) {
      granules.unlock(v);
      return pe.refuse(Status.ERROR_REC, "the REC is running");
    }
    Rec content = Rec.of(granules, v);
    granules.addAtomic(content.realm.granule, -1);
    operations.open(new RecDestruction(context, place, v, content.aux));
    granules.setRole(v, null);
    granules.unlockTransition(v, GranuleState.S_PARTIAL);
    pe.out1(place);
    return Status.RECLAIM;
  }
}
