package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.op.Operations;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtt;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import dev.cocovisor.cca.rmm.table.Steps;
import dev.cocovisor.cca.rmm.table.Tables;
import dev.cocovisor.cca.rmm.table.Tree;

/**
 * RMI_RTT_CREATE, RMI_RTT_DESTROY, RMI_RTT_FOLD and RMI_RTT_READ_ENTRY of the primary tree, and
 * RMI_RTT_AUX_CREATE, RMI_RTT_AUX_DESTROY and RMI_RTT_AUX_FOLD of the planes' trees.
 */
// TF-RMM 9a7f8ef4 runtime/rmi/rtt.c.
final class RttCommands {
  /** Names the primary tree, which needs no auxiliary planes. */
  static final long PRIMARY = 0;

  private final GranuleTable granules;
  private final Operations operations;
  private final Tables tables;

  RttCommands(Context context, Operations operations) {
    this.granules = context.granules();
    this.operations = operations;
    this.tables = new Tables(granules, operations, Steps.RELEASED);
  }

  /** Tells whether a realm has an auxiliary tree of that number. */
  static boolean hasTree(Realm realm, long tree) {
    return tree >= 1 && tree <= realm.planes();
  }

  private static boolean fits(Realm realm, long ipa, long level, long tree) {
    boolean shape = realm.geometry.structural(ipa, level);
    return tree == PRIMARY
        ? shape
        : shape && realm.geometry.isProtected(ipa) && hasTree(realm, tree);
  }

  private static Tree tree(Realm realm, long tree) {
    return tree == PRIMARY ? Tree.primary(realm) : Tree.auxiliary(realm, (int) tree);
  }

  private static long misfit(Pe pe) {
    return pe.refuse(Status.ERROR_INPUT, "level, ipa or tree do not fit a table of this realm");
  }

  long create(Pe pe, long rd, long rtt, long ipa, long level) {
    return create(pe, rd, rtt, ipa, level, PRIMARY);
  }

  long auxCreate(Pe pe, long rd, long rtt, long ipa, long level, long tree) {
    return tree == PRIMARY ? misfit(pe) : create(pe, rd, rtt, ipa, level, tree);
  }

  private long create(Pe pe, long rd, long rtt, long ipa, long level, long tree) {
    if (!granules.findLockTwo(rtt, GranuleState.S_DELEGATED, rd, GranuleState.S_RD)) {
      return pe.refuse(Status.ERROR_INPUT, "rtt is not DELEGATED, or rd is no realm descriptor");
    }
    int t = granules.find(rtt);
    int r = granules.find(rd);
    Realm realm = Realm.of(granules, r);
    long status;
    if (fits(realm, ipa, level, tree)) {
      status = tables.create(pe, tree(realm, tree), t, r, ipa, (int) level);
    } else {
      granules.unlock(r);
      status = misfit(pe);
    }
    granules.unlock(t);
    return status;
  }

  long destroy(Pe pe, long rd, long ipa, long level) {
    return destroy(pe, rd, ipa, level, PRIMARY);
  }

  long auxDestroy(Pe pe, long rd, long ipa, long level, long tree) {
    return tree == PRIMARY ? misfit(pe) : destroy(pe, rd, ipa, level, tree);
  }

  private long destroy(Pe pe, long rd, long ipa, long level, long tree) {
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    if (!fits(realm, ipa, level, tree)) {
      granules.unlock(r);
      return misfit(pe);
    }
    if (tree == PRIMARY && isReferenced(realm, ipa)) {
      pe.out2(ipa);
      return referenced(pe, realm, r, ipa, (int) level);
    }
    return tables.destroy(pe, tree(realm, tree), r, ipa, (int) level);
  }

  long fold(Pe pe, long rd, long ipa, long level) {
    return fold(pe, rd, ipa, level, PRIMARY);
  }

  long auxFold(Pe pe, long rd, long ipa, long level, long tree) {
    return tree == PRIMARY ? misfit(pe) : fold(pe, rd, ipa, level, tree);
  }

  private long fold(Pe pe, long rd, long ipa, long level, long tree) {
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    if (!fits(realm, ipa, level, tree)) {
      granules.unlock(r);
      return misfit(pe);
    }
    if (tree == PRIMARY && isReferenced(realm, ipa)) {
      return referenced(pe, realm, r, ipa, (int) level);
    }
    return tables.fold(pe, tree(realm, tree), r, ipa, (int) level);
  }

  private long referenced(Pe pe, Realm realm, int r, long ipa, int level) {
    Rtt.walk(granules, pe.walk, realm.geometry, realm.rootGranule, ipa, level - 1, r);
    long e = pe.walk.entry();
    if (!operations.safeguards().unlocksReferencedTable() && Rtte.isTable(e)) {
      granules.lock(granules.find(Rtte.payload(e)));
    }
    granules.unlock(pe.walk.granule);
    return pe.refuse(
        Status.rtt(pe.walk.level), "an auxiliary tree refers to the root entry over the table");
  }

  /** Tells whether an auxiliary root has a copy of the unprotected root entry over an address. */
  private boolean isReferenced(Realm realm, long ipa) {
    Geometry geometry = realm.geometry;
    if (geometry.isProtected(ipa)) {
      return false;
    }
    for (int plane = 1; plane <= realm.planes(); plane++) {
      int root = realm.roots[plane] + geometry.rootOf(ipa);
      granules.lock(root);
      long e = granules.table(root)[Geometry.index(ipa, geometry.startLevel())];
      granules.unlock(root);
      if (Rtte.isLive(e)) {
        return true;
      }
    }
    return false;
  }

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
    tables.read(pe, Tree.primary(realm), r, ipa, (int) level);
    return Status.SUCCESS;
  }
}
