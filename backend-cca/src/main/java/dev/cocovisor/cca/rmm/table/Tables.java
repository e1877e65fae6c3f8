package dev.cocovisor.cca.rmm.table;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtt;
import dev.cocovisor.cca.rmm.rtt.Rtte;

/**
 * Makes, removes and folds tables and reads entries. Every method walks from the root and lets go
 * of the descriptor once the root is locked; levels and addresses were checked before.
 */
// TF-RMM runtime/rmi/rtt.c: smc_rtt_create, smc_rtt_destroy, smc_rtt_fold, smc_rtt_read_entry of
// every version.
public final class Tables {
  private final GranuleTable granules;
  private final PendingClaims claims;
  private final Steps steps;

  /** Creates them over a granule table. */
  public Tables(GranuleTable granules, PendingClaims claims, Steps steps) {
    this.steps = steps;
    this.granules = granules;
    this.claims = claims;
  }

  /**
   * Replaces a leaf entry at {@code level - 1} by a table that says the same (unfolding).
   *
   * @param t the granule to become the table, DELEGATED and locked; stays locked
   * @param r the descriptor, locked; let go
   */
  public long create(Pe pe, Tree tree, int t, int r, long ipa, int level) {
    int parentLevel = level - 1;
    Rtt.walk(granules, pe.walk, tree.geometry(), tree.root(), ipa, parentLevel, r);
    long parent = pe.walk.entry();
    long status = Status.SUCCESS;
    if (pe.walk.level != parentLevel || Rtte.isTable(parent)) {
      status =
          pe.refuse(tree.at(pe.walk.level), "the walk ended above, or a table is there already");
    } else if (claims.entry(parent)) {
      status = pe.refuse(Status.BUSY, "an operation that is not finished has stamped the entry");
    } else {
      granules.setRole(t, Rtt.unfold(parent, level));
      if (Rtte.isAssigned(parent)) {
        // The block counted one in the parent, as the table will; its pages count in the child.
        granules.add(t, Geometry.ENTRIES);
      } else {
        granules.add(pe.walk.granule, 1);
      }
      granules.setState(t, GranuleState.S_RTT);
      pe.walk.setEntry(Rtte.of(Rtte.TABLE, granules.address(t)));
    }
    granules.unlock(pe.walk.granule);
    return status;
  }

  /** Removes a table without live entries; what it said is lost. x1 the granule, x2 the top. */
  public long destroy(Pe pe, Tree tree, int r, long ipa, int level) {
    int parentLevel = level - 1;
    Rtt.walk(granules, pe.walk, tree.geometry(), tree.root(), ipa, parentLevel, r);
    long parent = pe.walk.entry();
    long status = Status.SUCCESS;
    long top = ipa;
    if (pe.walk.level != parentLevel || !Rtte.isTable(parent)) {
      status = pe.refuse(tree.at(pe.walk.level), "no table is there");
      top = Rtt.top(pe.walk, ipa);
    } else {
      int t = granules.find(Rtte.payload(parent));
      granules.lock(t);
      status = removable(pe, tree, t, level);
      if (status != Status.SUCCESS) {
        granules.unlock(t);
      } else {
        boolean isProtected = tree.geometry().isProtected(ipa);
        pe.walk.setEntry(Rtte.of(isProtected ? Rtte.UNASSIGNED_DESTROYED : Rtte.UNASSIGNED_NS));
        granules.add(pe.walk.granule, -1);
        release(t);
        pe.out1(Rtte.payload(parent));
        top = Rtt.top(pe.walk, ipa);
      }
    }
    pe.out2(top);
    granules.unlock(pe.walk.granule);
    return status;
  }

  private long removable(Pe pe, Tree tree, int t, int level) {
    if (granules.count(t) != 0) {
      return pe.refuse(tree.at(level), "the table still has live entries");
    }
    return claims.table(t)
        ? pe.refuse(Status.BUSY, "an operation that is not finished comes back to the table")
        : Status.SUCCESS;
  }

  /** Replaces a homogeneous table by one entry of its parent; x1 the granule. */
  public long fold(Pe pe, Tree tree, int r, long ipa, int level) {
    int parentLevel = level - 1;
    Rtt.walk(granules, pe.walk, tree.geometry(), tree.root(), ipa, parentLevel, r);
    long parent = pe.walk.entry();
    long status;
    if (pe.walk.level != parentLevel || !Rtte.isTable(parent)) {
      status = pe.refuse(tree.at(pe.walk.level), "no table is there");
    } else {
      int t = granules.find(Rtte.payload(parent));
      granules.lock(t);
      long[] table = granules.table(t);
      status = foldable(pe, tree, t, table, level);
      if (status != Status.SUCCESS) {
        granules.unlock(t);
      } else {
        pe.walk.setEntry(steps.folded(table[0]));
        if (granules.count(t) == 0) {
          granules.add(pe.walk.granule, -1);
        } else {
          // The block counts one in the parent, as the table did.
          granules.add(t, -Geometry.ENTRIES);
        }
        release(t);
        pe.out1(Rtte.payload(parent));
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
  private long foldable(Pe pe, Tree tree, int t, long[] table, int level) {
    int count = granules.count(t);
    boolean blockRefused = level <= Geometry.MIN_BLOCK_LEVEL;
    if (count == Geometry.ENTRIES && blockRefused) {
      return pe.refuse(tree.at(level - 1), "no block may stand at that level");
    }
    boolean rightKind = count == 0 || (count == Geometry.ENTRIES && Rtte.isAssigned(table[0]));
    if (!rightKind || !steps.foldable(table, level)) {
      return pe.refuse(tree.at(level), "the entries are not one contiguous block of one kind");
    }
    if (count == 0 && Rtte.kind(table[0]) == Rtte.ASSIGNED_NS && blockRefused) {
      return pe.refuse(tree.at(level - 1), "no block may stand at that level");
    }
    return claims.table(t)
        ? pe.refuse(Status.BUSY, "an operation that is not finished comes back to the table")
        : Status.SUCCESS;
  }

  private void release(int t) {
    granules.setRole(t, null);
    granules.unlockTransition(t, GranuleState.S_DELEGATED);
  }

  /**
   * Tells what stands where a walk to {@code level} ends: x1 the level, x2 HIPAS, x3 what the entry
   * leads to, x4 RIPAS. The descriptor is let go.
   *
   * @return the entry, for what a version tells otherwise
   */
  public long read(Pe pe, Tree tree, int r, long ipa, int level) {
    Rtt.walk(granules, pe.walk, tree.geometry(), tree.root(), ipa, level, r);
    long e = pe.walk.entry();
    pe.out1(pe.walk.level);
    pe.out2(Rtte.hipas(e));
    pe.out3(Rtte.isUnassigned(e) ? 0 : Rtte.payload(e));
    pe.out4(Rtte.hasRipas(e) ? Rtte.ripas(e) : Rtte.RIPAS_EMPTY);
    granules.unlock(pe.walk.granule);
    return e;
  }
}
