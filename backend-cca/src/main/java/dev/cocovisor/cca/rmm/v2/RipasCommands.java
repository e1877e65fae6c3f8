package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.op.Operations;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.realm.Rec;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtt;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import dev.cocovisor.cca.rmm.table.Tree;

/**
 * RMI_RTT_INIT_RIPAS, RMI_RTT_SET_RIPAS and RMI_RTT_SET_S2AP: each walks once, to the deepest table
 * that covers the base, and goes on in that table only. An entry that an operation has stamped ends
 * the sweep.
 */
// TF-RMM 9a7f8ef4 runtime/rmi/rtt.c: smc_rtt_init_ripas, smc_rtt_set_ripas, smc_rtt_set_s2ap.
final class RipasCommands {
  private static final long PAGE_MASK = PageLevel.PAGE_SIZE - 1;

  private final GranuleTable granules;
  private final Operations operations;

  RipasCommands(Context context, Operations operations) {
    this.operations = operations;
    this.granules = context.granules();
  }

  /** Makes EMPTY memory of a new realm RAM, assigned or not; nothing is measured. */
  long init(Pe pe, long rd, long base, long top) {
    if (Long.compareUnsigned(top, base) <= 0) {
      return pe.refuse(Status.ERROR_INPUT, "the range is empty");
    }
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    Geometry geometry = realm.geometry;
    if (((base | top) & PAGE_MASK) != 0
        || !geometry.isProtected(base)
        || !geometry.isProtected(top - 1)) {
      granules.unlock(r);
      return pe.refuse(Status.ERROR_INPUT, "the range is unaligned or leaves the protected half");
    }
    if (realm.state != Realm.State.NEW) {
      granules.unlock(r);
      return pe.refuse(Status.ERROR_REALM, "the realm is not NEW");
    }
    Rtt.walk(granules, pe.walk, geometry, realm.rootGranule, base, Geometry.PAGE_LEVEL, r);
    long reached = initEntries(pe, base, top);
    long status = Status.SUCCESS;
    if (reached == base) {
      status =
          pe.refuse(
              Status.rtt(pe.walk.level),
              "base is unaligned to the entry reached, or that entry has no RIPAS to give");
    } else {
      pe.out1(reached);
    }
    granules.unlock(pe.walk.granule);
    return status;
  }

  private long initEntries(Pe pe, long base, long top) {
    long size = Geometry.entrySize(pe.walk.level);
    if ((base & (size - 1)) != 0) {
      return base;
    }
    long at = base;
    int end = Geometry.entries(pe.walk.level);
    for (int i = pe.walk.index; i < end && at + size <= top; i++, at += size) {
      long e = pe.walk.table[i];
      boolean owned = operations.safeguards().initSparesStamps() && operations.isStamped(e);
      if (owned || !Rtte.hasRipas(e) || Rtte.ripas(e) == Rtte.RIPAS_DESTROYED) {
        break;
      }
      pe.walk.table[i] =
          Rtte.of(Rtte.isAssigned(e) ? Rtte.ASSIGNED_RAM : Rtte.UNASSIGNED_RAM, address(e));
    }
    return at;
  }

  private static long address(long e) {
    return Rtte.isAssigned(e) ? Rtte.payload(e) : 0;
  }

  /** Does a part of the change that a REC asked for with RSI_IPA_STATE_SET. */
  long set(Pe pe, long rd, long rec, long base, long top) {
    long status = lock(pe, rd, rec, base, top);
    if (status != Status.SUCCESS) {
      return status;
    }
    int r = granules.find(rd);
    int v = granules.find(rec);
    Rec content = Rec.of(granules, v);
    status = owned(pe, v, content, Realm.of(granules, r));
    if (status == Status.SUCCESS) {
      status =
          base != content.ripasAddr || Long.compareUnsigned(top, content.ripasTop) > 0
              ? pe.refuse(Status.ERROR_INPUT, "the range is not what the REC asked for")
              : setRipas(pe, content, base, top);
    }
    granules.unlock(v);
    granules.unlock(r);
    return status;
  }

  private long lock(Pe pe, long rd, long rec, long base, long top) {
    if (((base | top) & PAGE_MASK) != 0 || Long.compareUnsigned(top, base) <= 0) {
      return pe.refuse(Status.ERROR_INPUT, "the range is unaligned or empty");
    }
    return granules.findLockTwo(rd, GranuleState.S_RD, rec, GranuleState.S_REC)
        ? Status.SUCCESS
        : pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor, or rec no REC");
  }

  private long owned(Pe pe, int v, Rec rec, Realm realm) {
    if (granules.count(v) != 0) {
      return pe.refuse(Status.ERROR_REC, "the REC is running");
    }
    return rec.realm == realm
        ? Status.SUCCESS
        : pe.refuse(Status.ERROR_REC, "the REC belongs to another realm");
  }

  private long setRipas(Pe pe, Rec rec, long base, long top) {
    walk(pe, Tree.primary(rec.realm), base);
    int level = pe.walk.level;
    long size = Geometry.entrySize(level);
    long at = base;
    boolean shadowed = false;
    int end = (base & (size - 1)) == 0 ? Geometry.entries(level) : 0;
    for (int i = pe.walk.index; i < end && at + size <= top; i++, at += size) {
      long e = pe.walk.table[i];
      if (operations.isStamped(e)
          || !Rtte.hasRipas(e)
          || (Rtte.ripas(e) == Rtte.RIPAS_DESTROYED
              && rec.ripasValue == Rtte.RIPAS_RAM
              && !rec.ripasChangeDestroyed)) {
        break;
      }
      shadowed = rec.ripasValue == Rtte.RIPAS_EMPTY && isShadowed(e, level);
      if (shadowed) {
        break;
      }
      pe.walk.table[i] = Rtte.withRipas(e, rec.ripasValue);
    }
    granules.unlock(pe.walk.granule);
    rec.ripasAddr = at;
    if (shadowed) {
      pe.out1(at);
      return pe.refuse(Status.ERROR_RTT_AUX, "an auxiliary tree maps memory that is to be EMPTY");
    }
    if (at == base) {
      return pe.refuse(
          Status.rtt(level),
          "base is unaligned to the entry reached, or the realm did not give that content up");
    }
    pe.out1(at);
    return Status.SUCCESS;
  }

  private void walk(Pe pe, Tree tree, long ipa) {
    Rtt.walk(
        granules,
        pe.walk,
        tree.geometry(),
        tree.root(),
        ipa,
        Geometry.PAGE_LEVEL,
        GranuleTable.NONE);
  }

  private boolean isShadowed(long e, int level) {
    if (Rtte.kind(e) != Rtte.ASSIGNED_RAM) {
      return false;
    }
    int g = granules.find(Rtte.payload(e));
    long n = Geometry.entrySize(level) >>> PageLevel.PAGE_SHIFT;
    for (int i = 0; i < n; i++) {
      if (granules.count(g + i) != 0) {
        return true;
      }
    }
    return false;
  }

  /**
   * Does a part of the change that a REC asked for with RSI_MEM_SET_PERM_INDEX, in the tree it
   * named; x1 how far it came, and of a failure x2 the tree.
   */
  long setPermission(Pe pe, long rd, long rec, long base, long top) {
    long status = lock(pe, rd, rec, base, top);
    if (status != Status.SUCCESS) {
      return status;
    }
    int r = granules.find(rd);
    int v = granules.find(rec);
    Rec content = Rec.of(granules, v);
    status = owned(pe, v, content, Realm.of(granules, r));
    if (status == Status.SUCCESS) {
      boolean asked = content.permPending && base == content.permAddr;
      status =
          !asked || Long.compareUnsigned(top, content.permTop) > 0
              ? pe.refuse(Status.ERROR_INPUT, "the range is not what the REC asked for")
              : setPermission(pe, content, base, top);
    }
    granules.unlock(v);
    granules.unlock(r);
    return status;
  }

  private long setPermission(Pe pe, Rec rec, long base, long top) {
    Tree tree =
        rec.permTree == 0 ? Tree.primary(rec.realm) : Tree.auxiliary(rec.realm, rec.permTree);
    walk(pe, tree, base);
    int level = pe.walk.level;
    long size = Geometry.entrySize(level);
    long at = base;
    int end = (base & (size - 1)) == 0 ? Geometry.entries(level) : 0;
    for (int i = pe.walk.index; i < end && at + size <= top; i++, at += size) {
      long e = pe.walk.table[i];
      if (Rtte.isTable(e) || operations.isStamped(e)) {
        break;
      }
    }
    granules.unlock(pe.walk.granule);
    rec.permAddr = at;
    pe.out1(at);
    if (at != base) {
      return Status.SUCCESS;
    }
    pe.out2(rec.permTree);
    return pe.refuse(tree.at(level), "base is unaligned to the entry reached");
  }
}
