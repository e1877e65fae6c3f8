package dev.cocovisor.cca.rmm.rtt;

import dev.cocovisor.cca.rmm.granule.GranuleTable;

/**
 * Where a walk of a realm's tables ended: the table, which stays locked, and the entry in it. A PE
 * has one and uses it again for every call, so that no walk allocates.
 */
public final class Walk {
  /** The table's granule, locked. */
  public int granule = GranuleTable.NONE;

  /** Its entries. */
  public long[] table = {};

  /** The entry where the walk ended. */
  public int index;

  /** The table's level, -1 to 3. */
  public int level;

  /** Creates a walk that went nowhere. */
  public Walk() {}

  /** Returns the entry where the walk ended. */
  public long entry() {
    return table[index];
  }

  /** Replaces the entry where the walk ended. */
  public void setEntry(long e) {
    table[index] = e;
  }
}
