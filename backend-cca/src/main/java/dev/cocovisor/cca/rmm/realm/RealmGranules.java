package dev.cocovisor.cca.rmm.realm;

import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import java.util.function.LongConsumer;

/** Names the granules of a realm's trees: tables, and the DATA that their entries assign. */
final class RealmGranules {
  private final GranuleTable granules;
  private final Realm realm;
  private final LongConsumer each;

  RealmGranules(GranuleTable granules, Realm realm, LongConsumer each) {
    this.granules = granules;
    this.realm = realm;
    this.each = each;
  }

  void name() {
    Geometry g = realm.geometry;
    for (int root : realm.roots) {
      for (int i = 0; i < g.roots(); i++) {
        table(root + i, g.startLevel(), root == realm.rootGranule);
      }
    }
  }

  /** Auxiliary trees map pages that the primary one has. */
  private void table(int granule, int level, boolean primary) {
    if (!(granules.role(granule) instanceof long[] entries)) {
      return;
    }
    each.accept(granules.address(granule));
    for (long e : entries) {
      if (Rtte.isTable(e)) {
        table(granules.find(Rtte.payload(e)), level + 1, primary);
      } else if (primary && Rtte.isAssigned(e)) {
        data(Rtte.payload(e), Geometry.entrySize(level));
      }
    }
  }

  private void data(long address, long bytes) {
    long page = Geometry.entrySize(Geometry.PAGE_LEVEL);
    for (long at = address; at < address + bytes; at += page) {
      each.accept(at);
    }
  }
}
