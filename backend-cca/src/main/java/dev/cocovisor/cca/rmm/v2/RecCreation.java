package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.op.Exchange;
import dev.cocovisor.cca.rmm.op.StatefulOperation;
import dev.cocovisor.cca.rmm.page.RecParams;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.realm.Rec;

/**
 * A REC on its way into being: its granule is PARTIAL, its auxiliary granules come from the host.
 * Only when all are there are realm and parameters judged. A creation that fails gives its memory
 * back first and says why it failed last.
 */
// TF-RMM 9a7f8ef4 runtime/rmi/rec.c, smc_rec_create and rec_create_continue.
final class RecCreation extends StatefulOperation {
  /** Count of an RD at which it takes no more RECs: what its ten bits hold. */
  private static final int MAX_RECS = 0x3ff;

  private final long rd;
  private final int rec;
  private final long params;
  private final Exchange aux;
  private long failure = Status.SUCCESS;
  private String why = "";

  RecCreation(Context context, int handle, long rd, int rec, long params) {
    super(context, handle, Expects.DONATE);
    this.rd = rd;
    this.rec = rec;
    this.params = params;
    this.aux = new Exchange(context, context.config().auxGranules(), GranuleState.S_REC_AUX);
  }

  @Override
  protected Exchange exchange() {
    return aux;
  }

  @Override
  protected long refusedMemory(Pe pe) {
    return fail(pe.refuse(Status.ERROR_INPUT, "a donated granule is not DELEGATED"), pe.cause());
  }

  private long fail(long status, String cause) {
    failure = status;
    why = cause;
    return expect(Expects.RECLAIM);
  }

  @Override
  protected long resume(Pe pe) {
    if (failure != Status.SUCCESS) {
      granules.lock(rec);
      granules.unlockTransition(rec, GranuleState.S_DELEGATED);
      return pe.refuse(failure, why);
    }
    long status = make(pe);
    return status == Status.SUCCESS ? status : fail(status, pe.cause());
  }

  private long make(Pe pe) {
    if (!context.isNormalWorld(params)) {
      return pe.refuse(Status.ERROR_INPUT, "the parameters are not in memory of the normal world");
    }
    RecParams p = RecParams.read(context.memory(), params);
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    long status = check(pe, realm, r, p);
    if (status == Status.SUCCESS) {
      granules.lock(rec);
      granules.setRole(rec, new Rec(rec, realm, realm.recsCreated(), aux.granules(), p));
      granules.unlockTransition(rec, GranuleState.S_REC);
      realm.rim.recCreate(p.flags(), p.pc(), p.gprs());
      realm.countRec();
      granules.addAtomic(r, 1);
    }
    granules.unlock(r);
    return status;
  }

  private long check(Pe pe, Realm realm, int r, RecParams p) {
    if (granules.count(r) == MAX_RECS) {
      return pe.refuse(Status.ERROR_REALM, "the realm has as many RECs as it may");
    }
    if (realm.state != Realm.State.NEW) {
      return pe.refuse(Status.ERROR_REALM, "the realm is not NEW");
    }
    return RecParams.isValidMpidr(p.mpidr())
            && RecParams.mpidrToIndex(p.mpidr()) == realm.recsCreated()
        ? Status.SUCCESS
        : pe.refuse(Status.ERROR_INPUT, "mpidr does not name the next REC");
  }
}
