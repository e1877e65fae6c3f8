package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtt;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import dev.cocovisor.cca.rmm.table.Tree;

/**
 * RMI_RTT_AUX_MAP_PROTECTED, RMI_RTT_AUX_UNMAP_PROTECTED and their unprotected twins: what planes
 * see of memory that the primary tree maps. A DATA granule counts the auxiliary entries that lead
 * to it.
 */
// TF-RMM 9a7f8ef4 runtime/rmi/rtt.c: smc_rtt_aux_map_protected and following.
final class AuxCommands {
  /** HIPAS that AUX_MAP_PROTECTED reports of an auxiliary entry whose content was lost. */
  private static final long HIPAS_AUX_DESTROYED = 5;

  private final GranuleTable granules;

  AuxCommands(Context context) {
    this.granules = context.granules();
  }

  private static long misfit(Pe pe) {
    return pe.refuse(Status.ERROR_INPUT, "ipa or tree do not fit this realm");
  }

  private static boolean fits(Realm realm, long ipa, long tree, boolean isProtected) {
    return realm.geometry.mappable(ipa, Geometry.PAGE_LEVEL)
        && realm.geometry.isProtected(ipa) == isProtected
        && RttCommands.hasTree(realm, tree);
  }

  /** Maps what the primary tree has at an address into a plane's tree. */
  long mapProtected(Pe pe, long rd, long ipa, long tree) {
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    long status;
    if (realm.state != Realm.State.NEW && realm.state != Realm.State.ACTIVE) {
      status = pe.refuse(Status.ERROR_REALM, "the realm is neither NEW nor ACTIVE");
    } else if (!fits(realm, ipa, tree, true)) {
      status = misfit(pe);
    } else {
      status = mapProtected(pe, realm, ipa, tree);
    }
    granules.unlock(r);
    return status;
  }

  private void walk(Pe pe, Geometry geometry, int root, long ipa) {
    Rtt.walk(granules, pe.walk, geometry, root, ipa, Geometry.PAGE_LEVEL, GranuleTable.NONE);
  }

  private long mapProtected(Pe pe, Realm realm, long ipa, long tree) {
    walk(pe, realm.geometry, realm.rootGranule, ipa);
    int primary = pe.walk.granule;
    int level = pe.walk.level;
    long e = pe.walk.entry();
    pe.out2(level);
    pe.out3(Rtte.hipas(e));
    pe.out4(Rtte.hasRipas(e) ? Rtte.ripas(e) : 0);
    if (Rtte.kind(e) != Rtte.ASSIGNED_RAM) {
      granules.unlock(primary);
      return pe.refuse(Status.rtt(level), "the primary tree has no RAM there");
    }
    Tree auxiliary = Tree.auxiliary(realm, (int) tree);
    walk(pe, auxiliary.geometry(), auxiliary.root(), ipa);
    long status = map(pe, auxiliary, e, level, ipa, tree);
    granules.unlock(pe.walk.granule);
    granules.unlock(primary);
    return status;
  }

  private long map(Pe pe, Tree auxiliary, long e, int level, long ipa, long tree) {
    int reached = pe.walk.level;
    long there = pe.walk.entry();
    pe.out3(Rtte.hipas(there));
    if (reached < level) {
      pe.out1(tree);
      return pe.refuse(auxiliary.at(reached), "the auxiliary tree has no table of that level");
    }
    if (Rtte.kind(there) == Rtte.UNASSIGNED_DESTROYED) {
      pe.out1(pe.walk.index);
      pe.out3(HIPAS_AUX_DESTROYED);
      return pe.refuse(auxiliary.at(reached), "the auxiliary entry is destroyed");
    }
    pe.out2(0);
    pe.out3(0);
    pe.out4(0);
    if (Rtte.isAssigned(there)) {
      return Status.SUCCESS;
    }
    long size = Geometry.entrySize(reached);
    long inside = ipa & (Geometry.entrySize(level) - 1) & -size;
    long pa = Rtte.payload(e) + inside;
    pe.walk.setEntry(Rtte.of(Rtte.ASSIGNED_RAM, pa));
    count(pa, size, 1);
    granules.add(pe.walk.granule, 1);
    return Status.SUCCESS;
  }

  private void count(long pa, long size, int delta) {
    int g = granules.find(pa);
    for (int i = 0; i < size >>> PageLevel.PAGE_SHIFT; i++) {
      granules.lock(g + i);
      granules.add(g + i, delta);
      granules.unlock(g + i);
    }
  }

  /** Takes a page away from a plane; x1 the next live entry or the table's end. */
  long unmapProtected(Pe pe, long rd, long ipa, long tree) {
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    if (!fits(realm, ipa, tree, true)) {
      granules.unlock(r);
      return misfit(pe);
    }
    Tree auxiliary = Tree.auxiliary(realm, (int) tree);
    Rtt.walk(
        granules, pe.walk, auxiliary.geometry(), auxiliary.root(), ipa, Geometry.PAGE_LEVEL, r);
    long e = pe.walk.entry();
    long status = Status.SUCCESS;
    if (Rtte.isAssigned(e)) {
      pe.walk.setEntry(Rtte.of(Rtte.UNASSIGNED_EMPTY));
      count(Rtte.payload(e), Geometry.entrySize(pe.walk.level), -1);
      granules.add(pe.walk.granule, -1);
    } else {
      status = pe.refuse(auxiliary.at(pe.walk.level), "the plane maps nothing there");
    }
    pe.out1(Rtt.top(pe.walk, ipa));
    granules.unlock(pe.walk.granule);
    return status;
  }

  private boolean isRootEntry(Realm realm, long ipa) {
    return realm.geometry.mappable(ipa, realm.geometry.startLevel());
  }

  /** Lets a plane see an unprotected root entry of the primary tree, a table or a block. */
  long mapUnprotected(Pe pe, long rd, long ipa, long tree) {
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    long status;
    if (realm.state != Realm.State.NEW && realm.state != Realm.State.ACTIVE) {
      status = pe.refuse(Status.ERROR_REALM, "the realm is neither NEW nor ACTIVE");
    } else if (!fits(realm, ipa, tree, false) || !isRootEntry(realm, ipa)) {
      status = misfit(pe);
    } else {
      status = copy(pe, realm, ipa, (int) tree);
    }
    granules.unlock(r);
    return status;
  }

  private long copy(Pe pe, Realm realm, long ipa, int tree) {
    Geometry geometry = realm.geometry;
    int start = geometry.startLevel();
    int index = Geometry.index(ipa, start);
    int from = realm.rootGranule + geometry.rootOf(ipa);
    granules.lock(from);
    long e = granules.table(from)[index];
    granules.unlock(from);
    if (!Rtte.isLive(e)) {
      return pe.refuse(Status.rtt(start), "the primary tree maps nothing there");
    }
    int into = realm.roots[tree] + geometry.rootOf(ipa);
    granules.lock(into);
    long[] entries = granules.table(into);
    // Recorded: mapping a table again counts again, mapping a block again does not.
    boolean blockAlready = Rtte.isLive(entries[index]) && !Rtte.isTable(entries[index]);
    entries[index] = e;
    if (!blockAlready) {
      granules.add(into, 1);
    }
    granules.unlock(into);
    return Status.SUCCESS;
  }

  /** Takes an unprotected root entry from a plane again; x1 as for protected memory. */
  long unmapUnprotected(Pe pe, long rd, long ipa, long tree) {
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    if (!fits(realm, ipa, tree, false) || !isRootEntry(realm, ipa)) {
      granules.unlock(r);
      return misfit(pe);
    }
    Tree auxiliary = Tree.auxiliary(realm, (int) tree);
    int start = realm.geometry.startLevel();
    Rtt.walk(granules, pe.walk, auxiliary.geometry(), auxiliary.root(), ipa, start, r);
    if (Rtte.isLive(pe.walk.entry())) {
      pe.walk.setEntry(Rtte.of(Rtte.UNASSIGNED_NS));
      granules.add(pe.walk.granule, -1);
    }
    pe.out1(Rtt.top(pe.walk, ipa));
    granules.unlock(pe.walk.granule);
    return Status.SUCCESS;
  }
}
