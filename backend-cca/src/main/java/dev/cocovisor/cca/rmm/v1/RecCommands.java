package dev.cocovisor.cca.rmm.v1;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.page.RecParams;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Features;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.realm.Rec;
import java.util.Arrays;

/** RMI_REC_AUX_COUNT, RMI_REC_CREATE and RMI_REC_DESTROY. */
// TF-RMM runtime/rmi/rec.c.
final class RecCommands {
  private final Context context;
  private final GranuleTable granules;

  RecCommands(Context context) {
    this.context = context;
    this.granules = context.granules();
  }

  long auxCount(Pe pe, long rd) {
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    pe.out1(context.config().auxGranules());
    granules.unlock(r);
    return Status.SUCCESS;
  }

  /**
   * Makes a REC. The auxiliary granules are taken one by one before anything else is locked, so a
   * granule that is named twice, or is also the REC, is found to be taken already.
   */
  long create(Pe pe, long rd, long rec, long paramsAddress) {
    if (!context.isNormalWorld(paramsAddress)) {
      return pe.refuse(Status.ERROR_INPUT, "the parameters are not in memory of the normal world");
    }
    RecParams p = RecParams.read(context.memory(), paramsAddress);
    int[] aux = takeAux(p);
    if (aux == null) {
      return pe.refuse(Status.ERROR_INPUT, "an auxiliary granule is not DELEGATED");
    }
    long status = createWithAux(pe, rd, rec, p, aux);
    if (status != Status.SUCCESS) {
      giveBackAux(aux, aux.length);
    }
    return status;
  }

  private int @org.jspecify.annotations.Nullable [] takeAux(RecParams p) {
    int n = (int) p.numAux();
    if (n < 0 || n > RecParams.MAX_AUX) {
      return null;
    }
    int[] aux = new int[n];
    for (int i = 0; i < n; i++) {
      int g = granules.findLock(p.aux()[i], GranuleState.S_DELEGATED);
      if (g == GranuleTable.NONE) {
        giveBackAux(aux, i);
        return null;
      }
      granules.unlockTransition(g, GranuleState.S_REC_AUX);
      aux[i] = g;
    }
    return aux;
  }

  private void giveBackAux(int[] aux, int n) {
    for (int g : Arrays.copyOf(aux, n)) {
      granules.lock(g);
      granules.unlockTransition(g, GranuleState.S_DELEGATED);
    }
  }

  private long createWithAux(Pe pe, long rd, long rec, RecParams p, int[] aux) {
    if (!granules.findLockTwo(rec, GranuleState.S_DELEGATED, rd, GranuleState.S_RD)) {
      return pe.refuse(Status.ERROR_INPUT, "rec is not DELEGATED, or rd is no realm descriptor");
    }
    int r = granules.find(rd);
    int v = granules.find(rec);
    Realm realm = Realm.of(granules, r);
    long status = check(pe, realm, r, p, aux.length);
    if (status == Status.SUCCESS) {
      granules.setRole(v, new Rec(v, realm, realm.recsCreated(), aux, p));
      realm.rim.recCreate(p.flags(), p.pc(), p.gprs());
      realm.countRec();
      granules.addAtomic(r, 1);
    }
    granules.unlock(r);
    granules.unlockTransition(
        v, status == Status.SUCCESS ? GranuleState.S_REC : GranuleState.S_DELEGATED);
    return status;
  }

  private long check(Pe pe, Realm realm, int r, RecParams p, int numAux) {
    int order = Features.maxRecsOrder(context.config().featureRegister0());
    if (granules.count(r) == (1 << order) - 1) {
      return pe.refuse(Status.ERROR_REALM, "the realm has as many RECs as it may");
    }
    if (realm.state != Realm.State.NEW) {
      return pe.refuse(Status.ERROR_REALM, "the realm is not NEW");
    }
    if (!RecParams.isValidMpidr(p.mpidr())
        || RecParams.mpidrToIndex(p.mpidr()) != realm.recsCreated()) {
      return pe.refuse(Status.ERROR_INPUT, "mpidr does not name the next REC");
    }
    return numAux == context.config().auxGranules()
        ? Status.SUCCESS
        : pe.refuse(
            Status.ERROR_INPUT, "the number of auxiliary granules is not what REC_AUX_COUNT says");
  }

  long destroy(Pe pe, long rec) {
    int v = granules.findLock(rec, GranuleState.S_REC);
    if (v == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rec is no REC");
    }
    if (granules.count(v) != 0) {
      granules.unlock(v);
      return pe.refuse(Status.ERROR_REC, "the REC is running");
    }
    Rec content = Rec.of(granules, v);
    giveBackAux(content.aux, content.aux.length);
    granules.setRole(v, null);
    granules.unlockTransition(v, GranuleState.S_DELEGATED);
    granules.addAtomic(content.realm.granule, -1);
    return Status.SUCCESS;
  }
}
