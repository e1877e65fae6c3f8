package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.realm.Context;

/** Granules of a block on their way into a realm's memory and back. */
// TF-RMM 9a7f8ef4 runtime/rmi/rtt_map.c.
final class DataBlocks {
  /** Set in a result where an interrupt stopped the work. */
  static final long INTERRUPTED = 1L << 62;

  /** Set in a result where a granule was not DELEGATED. */
  static final long REFUSED = 1L << 61;

  private static final long COUNT = REFUSED - 1;

  private final Context context;
  private final GranuleTable granules;
  private final Safeguards safeguards;

  DataBlocks(Context context, Safeguards safeguards) {
    this.safeguards = safeguards;
    this.context = context;
    this.granules = context.granules();
  }

  /** Returns how many granules a result says are done. */
  static long count(long result) {
    return result & COUNT;
  }

  /**
   * Makes granules DATA, emptied, one after the other.
   *
   * @param pa the block
   * @param done how many are already
   * @param n how many there are
   * @return how many are DATA now, with what stopped before the end
   */
  long give(Pe pe, long pa, long done, long n) {
    for (long i = done; i < n; i++) {
      if (pe.interrupted()) {
        return i | INTERRUPTED;
      }
      if (!give(pa + (i << PageLevel.PAGE_SHIFT))) {
        return i | REFUSED;
      }
    }
    return n;
  }

  /** A glance comes before the lock: the granule may be a table that somebody walks through. */
  private boolean give(long address) {
    int g = granules.find(address);
    if (g == GranuleTable.NONE
        || (safeguards.looksBeforeLocking() && granules.state(g) != GranuleState.S_DELEGATED)) {
      return false;
    }
    granules.lock(g);
    boolean there = granules.state(g) == GranuleState.S_DELEGATED;
    if (there) {
      context.scrub(g);
      granules.setState(g, GranuleState.S_DATA);
    }
    granules.unlock(g);
    return there;
  }

  /**
   * Makes granules DELEGATED again.
   *
   * @param undone how many are already
   * @param n how many were DATA
   * @return how many are DELEGATED again, with what stopped before the end
   */
  long takeBack(Pe pe, long pa, long undone, long n) {
    for (long i = undone; i < n; i++) {
      if (pe.interrupted()) {
        return i | INTERRUPTED;
      }
      handBack(pa + (i << PageLevel.PAGE_SHIFT));
    }
    return n;
  }

  /** Makes one DATA granule DELEGATED. */
  void handBack(long address) {
    int g = granules.find(address);
    granules.lock(g);
    granules.unlockTransition(g, GranuleState.S_DELEGATED);
  }
}
