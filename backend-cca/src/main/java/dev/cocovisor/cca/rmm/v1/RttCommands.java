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

/** RMI_RTT_CREATE, RMI_RTT_DESTROY, RMI_RTT_FOLD and RMI_RTT_READ_ENTRY. */
// TF-RMM runtime/rmi/rtt.c: smc_rtt_create, smc_rtt_destroy, smc_rtt_fold, smc_rtt_read_entry.
final class RttCommands {
  private final GranuleTable granules;

  RttCommands(Context context) {
    this.granules = context.granules();
  }

  /** Replaces a leaf entry at {@code level - 1} by a table that says the same (unfolding). */
  long create(Pe pe, long rd, long rtt, long ipa, long level) {
    if (!granules.findLockTwo(rtt, GranuleState.S_DELEGATED, rd, GranuleState.S_RD)) {
      return pe.refuse(Status.ERROR_INPUT, "rtt is not DELEGATED, or rd is no realm descriptor");
    }
    int t = granules.find(rtt);
    int r = granules.find(rd);
    Realm realm = Realm.of(granules, r);
    if (!realm.geometry.structural(ipa, level)) {
      granules.unlock(r);
      granules.unlock(t);
      return pe.refuse(Status.ERROR_INPUT, "level or ipa do not fit a table of this realm");
    }
    int parentLevel = (int) level - 1;
    Rtt.walk(granules, pe.walk, realm.geometry, realm.rootGranule, ipa, parentLevel, r);
    long status;
    long parent = pe.walk.entry();
    if (pe.walk.level != parentLevel || Rtte.isTable(parent)) {
      status =
          pe.refuse(Status.rtt(pe.walk.level), "the walk ended above, or a table is there already");
    } else {
      status = Status.SUCCESS;
      granules.setRole(t, Rtt.unfold(parent, (int) level));
      if (Rtte.isAssigned(parent)) {
        // The block counted one in the parent, as the table will; its pages count in the child.
        granules.add(t, Geometry.ENTRIES);
      } else {
        granules.add(pe.walk.granule, 1);
      }
      granules.setState(t, GranuleState.S_RTT);
      pe.walk.setEntry(Rtte.of(Rtte.TABLE, rtt));
    }
    granules.unlock(pe.walk.granule);
    granules.unlock(t);
    return status;
  }

  /** Removes a table without live entries; what it said is lost. */
  long destroy(Pe pe, long rd, long ipa, long level) {
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    if (!realm.geometry.structural(ipa, level)) {
      granules.unlock(r);
      return pe.refuse(Status.ERROR_INPUT, "level or ipa do not fit a table of this realm");
    }
    int parentLevel = (int) level - 1;
    Rtt.walk(granules, pe.walk, realm.geometry, realm.rootGranule, ipa, parentLevel, r);
    long parent = pe.walk.entry();
    long status;
    long top;
    if (pe.walk.level != parentLevel || !Rtte.isTable(parent)) {
      status = pe.refuse(Status.rtt(pe.walk.level), "no table is there");
      top = Rtt.top(pe.walk, ipa);
    } else {
      long rtt = Rtte.payload(parent);
      int t = granules.find(rtt);
      granules.lock(t);
      if (granules.count(t) != 0) {
        granules.unlock(t);
        status = pe.refuse(Status.rtt((int) level), "the table still has live entries");
        top = ipa;
      } else {
        status = Status.SUCCESS;
        boolean isProtected = realm.geometry.isProtected(ipa);
        pe.walk.setEntry(Rtte.of(isProtected ? Rtte.UNASSIGNED_DESTROYED : Rtte.UNASSIGNED_NS));
        granules.add(pe.walk.granule, -1);
        release(t);
        pe.out1(rtt);
        top = Rtt.top(pe.walk, ipa);
      }
    }
    pe.out2(top);
    granules.unlock(pe.walk.granule);
    return status;
  }

  /** Replaces a homogeneous table by one entry of its parent. */
  long fold(Pe pe, long rd, long ipa, long level) {
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    if (!realm.geometry.structural(ipa, level)) {
      granules.unlock(r);
      return pe.refuse(Status.ERROR_INPUT, "level or ipa do not fit a table of this realm");
    }
    int parentLevel = (int) level - 1;
    Rtt.walk(granules, pe.walk, realm.geometry, realm.rootGranule, ipa, parentLevel, r);
    long parent = pe.walk.entry();
    long status;
    if (pe.walk.level != parentLevel || !Rtte.isTable(parent)) {
      status = pe.refuse(Status.rtt(pe.walk.level), "no table is there");
    } else {
      long rtt = Rtte.payload(parent);
      int t = granules.find(rtt);
      granules.lock(t);
      long[] table = granules.table(t);
      status = foldable(pe, granules.count(t), table, (int) level);
      if (status != Status.SUCCESS) {
        granules.unlock(t);
      } else {
        pe.walk.setEntry(table[0]);
        if (granules.count(t) == 0) {
          granules.add(pe.walk.granule, -1);
        } else {
          // The block counts one in the parent, as the table did.
          granules.add(t, -Geometry.ENTRIES);
        }
        release(t);
        pe.out1(rtt);
      }
    }
    granules.unlock(pe.walk.granule);
    return status;
  }

  /**
   * Judges a fold by the table's count first: 0 leaves the unassigned kinds and NS mappings, 512
   * the assigned ones. A block above level 1 is refused at the parent's level, for assigned memory
   * before and for NS mappings after the entries were looked at.
   */
  private static long foldable(Pe pe, int count, long[] table, int level) {
    boolean assigned = Rtte.isAssigned(table[0]);
    boolean blockRefused = level <= Geometry.MIN_BLOCK_LEVEL;
    if (count == Geometry.ENTRIES) {
      if (blockRefused) {
        return pe.refuse(Status.rtt(level - 1), "no block may stand at that level");
      }
      return assigned && Rtt.isHomogeneous(table, level)
          ? Status.SUCCESS
          : pe.refuse(Status.rtt(level), "the entries are not one contiguous block of one kind");
    }
    if (count != 0 || !Rtt.isHomogeneous(table, level)) {
      return pe.refuse(Status.rtt(level), "the entries are not all of one kind");
    }
    boolean mapsShared = Rtte.kind(table[0]) == Rtte.ASSIGNED_NS;
    return mapsShared && blockRefused
        ? pe.refuse(Status.rtt(level - 1), "no block may stand at that level")
        : Status.SUCCESS;
  }

  private void release(int t) {
    granules.setRole(t, null);
    granules.unlockTransition(t, GranuleState.S_DELEGATED);
  }

  /** Tells the host what stands where a walk to {@code level} ends. */
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
      return pe.refuse(Status.ERROR_INPUT, "level or ipa do not fit a table of this realm");
    }
    Rtt.walk(granules, pe.walk, realm.geometry, realm.rootGranule, ipa, (int) level, r);
    long e = pe.walk.entry();
    pe.out1(pe.walk.level);
    pe.out2(Rtte.hipas(e));
    pe.out3(Rtte.descriptor(e));
    pe.out4(Rtte.hasRipas(e) ? Rtte.ripas(e) : Rtte.RIPAS_EMPTY);
    granules.unlock(pe.walk.granule);
    return Status.SUCCESS;
  }
}
