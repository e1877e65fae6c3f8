package dev.cocovisor.cca.rmm.table;

import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.rtt.Rtt;
import dev.cocovisor.cca.rmm.rtt.Rtte;

/**
 * Steps of an RMM that a host can be given others of: what an entry says afterwards, and what is
 * let go of when a command fails. Those here are TF-RMM's as released; what it got wrong before was
 * one of them each time.
 */
public class Steps {
  /** TF-RMM's. */
  public static final Steps RELEASED = new Steps();

  /** Creates the released steps. */
  public Steps() {}

  /** Returns the RIPAS of a page whose content the host does not choose: the entry's. */
  public int ripasOfUnknown(int ripas) {
    return ripas;
  }

  /** Returns what an entry says once its page was taken away: RAM is lost. */
  public long taken(long e) {
    return Rtte.unassigned(e);
  }

  /** Tells whether the entries of a table at a level are one block: contiguous and alike. */
  public boolean foldable(long[] table, int level) {
    return Rtt.isHomogeneous(table, level);
  }

  /** Returns the entry that takes the place of a table whose first entry is given. */
  public long folded(long first) {
    return first;
  }

  /** Tells whether an entry of the shared half is free for a mapping. */
  public boolean isFree(long e) {
    return Rtte.kind(e) == Rtte.UNASSIGNED_NS;
  }

  /** Lets go of a realm's descriptor where the arguments of a command do not fit the realm. */
  public void misfit(GranuleTable granules, int descriptor) {
    granules.unlock(descriptor);
  }

  /** A realm could not be made: its VMID is free again. */
  public void notMade(Runnable freeVmid) {
    freeVmid.run();
  }
}
