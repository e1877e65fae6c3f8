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

/** RMI_DATA_CREATE, RMI_DATA_CREATE_UNKNOWN and RMI_DATA_DESTROY. */
// TF-RMM runtime/rmi/rtt.c: data_create, smc_data_create, smc_data_destroy.
final class DataCommands {
  private static final long MEASURE_CONTENT = 1;
  private static final long NO_SOURCE = -1;

  private final Context context;
  private final GranuleTable granules;
  private final Steps steps;

  DataCommands(Context context, Steps steps) {
    this.steps = steps;
    this.context = context;
    this.granules = context.granules();
  }

  /** Copies a page of the host's into a new realm and measures it. */
  long create(Pe pe, long rd, long data, long ipa, long source, long flags) {
    if (flags != 0 && flags != MEASURE_CONTENT) {
      return pe.refuse(Status.ERROR_INPUT, "flags are neither 0 nor 1 (measure)");
    }
    if (!context.isNormalWorld(source)) {
      return pe.refuse(Status.ERROR_INPUT, "the source is not memory of the normal world");
    }
    return create(pe, rd, data, ipa, source, flags == MEASURE_CONTENT);
  }

  /** Adds a page whose content the host does not choose; allowed in every state of the realm. */
  long createUnknown(Pe pe, long rd, long data, long ipa) {
    return create(pe, rd, data, ipa, NO_SOURCE, false);
  }

  private long create(Pe pe, long rd, long data, long ipa, long source, boolean measure) {
    if (!granules.findLockTwo(data, GranuleState.S_DELEGATED, rd, GranuleState.S_RD)) {
      return pe.refuse(Status.ERROR_INPUT, "data is not DELEGATED, or rd is no realm descriptor");
    }
    int d = granules.find(data);
    int r = granules.find(rd);
    Realm realm = Realm.of(granules, r);
    long status = check(pe, realm, ipa, source != NO_SOURCE);
    if (status == Status.SUCCESS) {
      realm.walkToPage(granules, pe.walk, ipa);
      status = assign(pe, realm, d, ipa, source, measure);
      granules.unlock(pe.walk.granule);
    }
    granules.unlock(r);
    granules.unlock(d);
    return status;
  }

  /** The realm's state comes before its address space, but only for DATA_CREATE. */
  private static long check(Pe pe, Realm realm, long ipa, boolean hasSource) {
    if (hasSource && realm.state != Realm.State.NEW) {
      return pe.refuse(Status.ERROR_REALM, "the realm is not NEW");
    }
    Geometry geometry = realm.geometry;
    return geometry.isProtected(ipa) && geometry.mappable(ipa, Geometry.PAGE_LEVEL)
        ? Status.SUCCESS
        : pe.refuse(Status.ERROR_INPUT, "ipa is unaligned or not in the protected half");
  }

  private long assign(Pe pe, Realm realm, int d, long ipa, long source, boolean measure) {
    if (pe.walk.level != Geometry.PAGE_LEVEL) {
      return pe.refuse(Status.rtt(pe.walk.level), "no level 3 table holds ipa");
    }
    long e = pe.walk.entry();
    if (!Rtte.isUnassigned(e)) {
      return pe.refuse(Status.rtt(Geometry.PAGE_LEVEL), "ipa has a page already");
    }
    long address = granules.address(d);
    int ripas = steps.ripasOfUnknown(Rtte.ripas(e));
    if (source != NO_SOURCE) {
      context.copyMeasured(realm, ipa, address, source, measure);
      ripas = Rtte.RIPAS_RAM;
    }
    pe.walk.setEntry(Rtte.of(Rtte.ASSIGNED_EMPTY | ripas, address));
    granules.add(pe.walk.granule, 1);
    granules.setState(d, GranuleState.S_DATA);
    return Status.SUCCESS;
  }

  /** Takes a page away; RAM is thereby lost and the realm sees DESTROYED there. */
  long destroy(Pe pe, long rd, long ipa) {
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    Geometry geometry = realm.geometry;
    if (!geometry.isProtected(ipa) || !geometry.mappable(ipa, Geometry.PAGE_LEVEL)) {
      granules.unlock(r);
      return pe.refuse(Status.ERROR_INPUT, "ipa is unaligned or not in the protected half");
    }
    Rtt.walk(granules, pe.walk, realm.geometry, realm.rootGranule, ipa, Geometry.PAGE_LEVEL, r);
    long e = pe.walk.entry();
    long status;
    if (pe.walk.level != Geometry.PAGE_LEVEL || !Rtte.isAssigned(e)) {
      status =
          pe.refuse(
              Status.rtt(pe.walk.level), "no page is assigned at ipa, or it is part of a block");
    } else {
      status = Status.SUCCESS;
      pe.walk.setEntry(steps.taken(e));
      granules.add(pe.walk.granule, -1);
      long address = Rtte.payload(e);
      int d = granules.find(address);
      granules.lock(d);
      context.scrub(d);
      granules.unlockTransition(d, GranuleState.S_DELEGATED);
      pe.out1(address);
    }
    pe.out2(Rtt.top(pe.walk, ipa));
    granules.unlock(pe.walk.granule);
    return status;
  }
}
