package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.op.Exchange;
import dev.cocovisor.cca.rmm.op.StatefulOperation;
import dev.cocovisor.cca.rmm.realm.Context;

/** A REC on its way out: no part of its realm any more, its auxiliary granules to be reclaimed. */
// TF-RMM 9a7f8ef4 runtime/rmi/rec.c, smc_rec_destroy and its continuations.
final class RecDestruction extends StatefulOperation {
  private final int rec;
  private final Exchange aux;

  RecDestruction(Context context, int handle, int rec, int[] aux) {
    super(context, handle, Expects.RECLAIM);
    this.rec = rec;
    this.aux = new Exchange(context, aux, GranuleState.S_REC_AUX);
  }

  @Override
  protected Exchange exchange() {
    return aux;
  }

  @Override
  protected long resume(Pe pe) {
    granules.lock(rec);
    granules.unlockTransition(rec, GranuleState.S_DELEGATED);
    return Status.SUCCESS;
  }
}
