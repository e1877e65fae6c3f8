package dev.cocovisor.cca.rmm.v1;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.measure.Rim;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.realm.Rec;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtte;

/**
 * RMI_RTT_INIT_RIPAS and RMI_RTT_SET_RIPAS. Both walk once, to the deepest table that covers the
 * base, and go on in that table only; the host calls again with the top it was told.
 */
// TF-RMM runtime/rmi/rtt.c: smc_rtt_init_ripas, smc_rtt_set_ripas, update_ripas.
final class RipasCommands {
  private final GranuleTable granules;

  RipasCommands(Context context) {
    this.granules = context.granules();
  }

  /** Makes EMPTY memory of a new realm RAM; measures every entry it passes. */
  long init(Pe pe, long rd, long base, long top) {
    if (Long.compareUnsigned(top, base) <= 0) {
      return pe.refuse(Status.ERROR_INPUT, "the range is empty");
    }
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    long status = checkInit(pe, realm, base, top);
    if (status == Status.SUCCESS) {
      realm.walkToPage(granules, pe.walk, base);
      long reached = initEntries(pe, realm.rim, base, top);
      if (reached == base) {
        status =
            pe.refuse(
                Status.rtt(pe.walk.level),
                "base is unaligned to the entry reached, or that entry is not UNASSIGNED and EMPTY"
                    + " or RAM");
      } else {
        pe.out1(reached);
      }
      granules.unlock(pe.walk.granule);
    }
    granules.unlock(r);
    return status;
  }

  private static long checkInit(Pe pe, Realm realm, long base, long top) {
    Geometry geometry = realm.geometry;
    boolean aligned = ((base | top) & 0xfff) == 0;
    if (!aligned || !geometry.isProtected(base) || !geometry.isProtected(top - 1)) {
      return pe.refuse(Status.ERROR_INPUT, "the range is unaligned or leaves the protected half");
    }
    return realm.state == Realm.State.NEW
        ? Status.SUCCESS
        : pe.refuse(Status.ERROR_REALM, "the realm is not NEW");
  }

  private static long initEntries(Pe pe, Rim rim, long base, long top) {
    long size = Geometry.entrySize(pe.walk.level);
    if ((base & (size - 1)) != 0) {
      return base;
    }
    long at = base;
    int end = Geometry.entries(pe.walk.level);
    for (int i = pe.walk.index; i < end && at + size <= top; i++, at += size) {
      int kind = Rtte.kind(pe.walk.table[i]);
      if (kind != Rtte.UNASSIGNED_EMPTY && kind != Rtte.UNASSIGNED_RAM) {
        break;
      }
      pe.walk.table[i] = Rtte.of(Rtte.UNASSIGNED_RAM);
      rim.initRipas(at, at + size);
    }
    return at;
  }

  /** Does a part of the change that a REC asked for with RSI_IPA_STATE_SET. */
  long set(Pe pe, long rd, long rec, long base, long top) {
    if (Long.compareUnsigned(top, base) <= 0) {
      return pe.refuse(Status.ERROR_INPUT, "the range is empty");
    }
    if (!granules.findLockTwo(rd, GranuleState.S_RD, rec, GranuleState.S_REC)) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor, or rec no REC");
    }
    int r = granules.find(rd);
    int v = granules.find(rec);
    long status = set(pe, Realm.of(granules, r), v, base, top);
    granules.unlock(v);
    granules.unlock(r);
    return status;
  }

  private long set(Pe pe, Realm realm, int v, long base, long top) {
    if (granules.count(v) != 0) {
      return pe.refuse(Status.ERROR_REC, "the REC is running");
    }
    Rec rec = Rec.of(granules, v);
    if (rec.realm != realm) {
      return pe.refuse(Status.ERROR_REC, "the REC belongs to another realm");
    }
    if (base != rec.ripasAddr || Long.compareUnsigned(top, rec.ripasTop) > 0) {
      return pe.refuse(Status.ERROR_INPUT, "the range is not what the REC asked for");
    }
    // DEN0137: top is granule aligned. TF-RMM rel0 lacked this check; v0.7.0 has it.
    if ((top & 0xfff) != 0) {
      return pe.refuse(Status.ERROR_INPUT, "top is unaligned");
    }
    realm.walkToPage(granules, pe.walk, base);
    long reached = setEntries(pe, rec, base, top);
    granules.unlock(pe.walk.granule);
    if (reached == base) {
      return pe.refuse(
          Status.rtt(pe.walk.level),
          "base is unaligned to the entry reached, or the realm did not give that content up");
    }
    rec.ripasAddr = reached;
    pe.out1(reached);
    return Status.SUCCESS;
  }

  private static long setEntries(Pe pe, Rec rec, long base, long top) {
    long size = Geometry.entrySize(pe.walk.level);
    if ((base & (size - 1)) != 0) {
      return base;
    }
    long at = base;
    int end = Geometry.entries(pe.walk.level);
    for (int i = pe.walk.index; i < end && at + size <= top; i++, at += size) {
      long e = pe.walk.table[i];
      if (!Rtte.hasRipas(e)) {
        break;
      }
      if (Rtte.ripas(e) == Rtte.RIPAS_DESTROYED && !rec.ripasChangeDestroyed) {
        break;
      }
      pe.walk.table[i] = Rtte.withRipas(e, rec.ripasValue);
    }
    return at;
  }
}
