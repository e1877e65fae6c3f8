package dev.cocovisor.cca.rmm.v1;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtt;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import dev.cocovisor.cca.rmm.table.Steps;

/**
 * RMI_RTT_MAP_UNPROTECTED and RMI_RTT_UNMAP_UNPROTECTED: memory of the host in the upper half of a
 * realm's space. Such entries hold no reference on anything: granule protection keeps the realm off
 * memory that is no longer the normal world's.
 */
// TF-RMM runtime/rmi/rtt.c: map_unmap_ns.
final class SharedCommands {
  private final GranuleTable granules;
  private final Steps steps;

  SharedCommands(Context context, Steps steps) {
    this.steps = steps;
    this.granules = context.granules();
  }

  long map(Pe pe, long rd, long ipa, long level, long desc) {
    if (!isBlockLevel(level)) {
      return pe.refuse(Status.ERROR_INPUT, "no leaf may stand at that level");
    }
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    if (!Rtte.isHostDescriptor(desc, (int) level, realm.geometry.lpa2())
        || !mappable(realm.geometry, ipa, level)) {
      granules.unlock(r);
      return pe.refuse(
          Status.ERROR_INPUT, "the descriptor or ipa is not allowed in the shared half");
    }
    Rtt.walk(granules, pe.walk, realm.geometry, realm.rootGranule, ipa, (int) level, r);
    long status;
    if (pe.walk.level != level || !steps.isFree(pe.walk.entry())) {
      status =
          pe.refuse(
              Status.rtt(pe.walk.level), "the walk ended above, or something is mapped there");
    } else {
      status = Status.SUCCESS;
      pe.walk.setEntry(Rtte.of(Rtte.ASSIGNED_NS, desc));
    }
    granules.unlock(pe.walk.granule);
    return status;
  }

  long unmap(Pe pe, long rd, long ipa, long level) {
    if (!isBlockLevel(level)) {
      return pe.refuse(Status.ERROR_INPUT, "no leaf may stand at that level");
    }
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    if (!mappable(realm.geometry, ipa, level)) {
      granules.unlock(r);
      return pe.refuse(Status.ERROR_INPUT, "ipa is unaligned or not in the shared half");
    }
    Rtt.walk(granules, pe.walk, realm.geometry, realm.rootGranule, ipa, (int) level, r);
    long status;
    if (pe.walk.level != level || Rtte.kind(pe.walk.entry()) != Rtte.ASSIGNED_NS) {
      status = pe.refuse(Status.rtt(pe.walk.level), "nothing is mapped there at that level");
    } else {
      status = Status.SUCCESS;
      pe.walk.setEntry(Rtte.of(Rtte.UNASSIGNED_NS));
    }
    pe.out1(Rtt.top(pe.walk, ipa));
    granules.unlock(pe.walk.granule);
    return status;
  }

  private static boolean isBlockLevel(long level) {
    return level >= Geometry.MIN_BLOCK_LEVEL && level <= Geometry.PAGE_LEVEL;
  }

  /**
   * Tells whether a leaf may stand here. A level above the root's has no table to hold it; the
   * recorded RMM dies there, the specification calls it an input error.
   */
  private static boolean mappable(Geometry geometry, long ipa, long level) {
    return level >= geometry.startLevel()
        && geometry.mappable(ipa, level)
        && !geometry.isProtected(ipa);
  }
}
