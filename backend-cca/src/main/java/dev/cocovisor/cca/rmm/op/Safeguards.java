package dev.cocovisor.cca.rmm.op;

import dev.cocovisor.cca.rmm.granule.GranuleTable;

/**
 * What an RMM of 2.0 takes care of so that an open operation keeps what it owns. Each method is one
 * rule; a subclass that breaks one is a defect one can put in. The seven that were seen in TF-RMM
 * 9a7f8ef4 break one each.
 */
public class Safeguards {
  /** Every rule is kept. */
  public static final Safeguards ALL = new Safeguards();

  /** Creates safeguards that keep every rule. */
  public Safeguards() {}

  /**
   * Tells whether an entry is stamped: only an unassigned one can be, whatever address bits a live
   * one has.
   */
  public boolean isStamped(long e) {
    return Stamp.is(e);
  }

  /** Tells whether RTT_CREATE leaves a stamped entry to the operation that owns it. */
  public boolean createSparesStamps() {
    return true;
  }

  /** Tells whether RTT_INIT_RIPAS leaves a stamped entry to the operation that owns it. */
  public boolean initSparesStamps() {
    return true;
  }

  /** Tells whether a table that an open operation comes back to stays a table. */
  public boolean pinsTables() {
    return true;
  }

  /** Tells whether RTT_DESTROY lets go of a table that it finds an auxiliary tree refers to. */
  public boolean unlocksReferencedTable() {
    return true;
  }

  /** Tells whether a granule's state is looked at before its lock is waited for. */
  public boolean looksBeforeLocking() {
    return true;
  }

  /**
   * Locks the page of DATA_MAP_INIT before the table it goes into, or does not: tables come first,
   * as in DATA_MAP.
   *
   * @return the granule that is locked now, or {@link GranuleTable#NONE}
   */
  public int lockPageFirst(GranuleTable granules, long page) {
    return GranuleTable.NONE;
  }

  /**
   * Tells whether a realm may only be measured by an algorithm that FEATURES offers. The recorded
   * RMM takes SHA-384 without offering it, so this is the one rule that is not kept by default.
   */
  public boolean refusesUnofferedHash() {
    return false;
  }
}
