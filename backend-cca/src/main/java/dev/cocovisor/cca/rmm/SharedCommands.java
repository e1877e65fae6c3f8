package dev.cocovisor.cca.rmm;

/**
 * RMI_RTT_MAP_UNPROTECTED and RMI_RTT_UNMAP_UNPROTECTED: memory of the host in the upper half of a
 * realm's space. Such entries hold no reference on anything: granule protection keeps the realm off
 * memory that is no longer the normal world's.
 */
// TF-RMM runtime/rmi/rtt.c: map_unmap_ns.
final class SharedCommands {
  private final GranuleTable granules;

  SharedCommands(Context context) {
    this.granules = context.granules();
  }

  long map(Pe pe, long rd, long ipa, long level, long desc) {
    if (!isBlockLevel(level)) {
      return Status.ERROR_INPUT;
    }
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return Status.ERROR_INPUT;
    }
    Realm realm = granules.realm(r);
    if (!Rtte.isHostDescriptor(desc, (int) level, realm.geometry.lpa2())
        || !mappable(realm.geometry, ipa, level)) {
      granules.unlock(r);
      return Status.ERROR_INPUT;
    }
    Rtt.walk(granules, pe, realm, ipa, (int) level, r);
    long status;
    if (pe.walkLevel != level || Rtte.kind(pe.walkEntry()) != Rtte.UNASSIGNED_NS) {
      status = Status.rtt(pe.walkLevel);
    } else {
      status = Status.SUCCESS;
      pe.setWalkEntry(Rtte.of(Rtte.ASSIGNED_NS, desc));
    }
    granules.unlock(pe.walkGranule);
    return status;
  }

  long unmap(Pe pe, long rd, long ipa, long level) {
    if (!isBlockLevel(level)) {
      return Status.ERROR_INPUT;
    }
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return Status.ERROR_INPUT;
    }
    Realm realm = granules.realm(r);
    if (!mappable(realm.geometry, ipa, level)) {
      granules.unlock(r);
      return Status.ERROR_INPUT;
    }
    Rtt.walk(granules, pe, realm, ipa, (int) level, r);
    long status;
    if (pe.walkLevel != level || Rtte.kind(pe.walkEntry()) != Rtte.ASSIGNED_NS) {
      status = Status.rtt(pe.walkLevel);
    } else {
      status = Status.SUCCESS;
      pe.setWalkEntry(Rtte.of(Rtte.UNASSIGNED_NS));
    }
    pe.out1(Rtt.top(pe, ipa));
    granules.unlock(pe.walkGranule);
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
