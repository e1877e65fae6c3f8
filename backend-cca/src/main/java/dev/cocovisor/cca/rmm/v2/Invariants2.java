package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.op.Operations;
import dev.cocovisor.cca.rmm.op.Stamp;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/**
 * What holds in an RMM of 2.0 between any two calls: tables are reached once, counts are live and
 * stamped entries, a stamp is of an operation that is open and comes back to the table, live
 * entries lead to granules in the right role, and a table that an operation comes back to is one.
 */
final class Invariants2 {
  private final GranuleTable granules;
  private final Operations operations;
  private final Consumer<String> violation;
  private final Set<Integer> tables = new HashSet<>();
  private final Map<Integer, Integer> shadows = new HashMap<>();
  private final Set<Integer> data = new HashSet<>();

  Invariants2(GranuleTable granules, Operations operations, Consumer<String> violation) {
    this.granules = granules;
    this.operations = operations;
    this.violation = violation;
  }

  void check() {
    long end = granules.end();
    for (long a = granules.nextInUse(0); a >= 0 && a < end; ) {
      if (granules.isLockedAt(a)) {
        say(granules.find(a), "its lock is held, though no call is under way");
      }
      a = granules.nextInUse(a + PageLevel.PAGE_SIZE);
    }
    for (long a = granules.nextInUse(0); a >= 0 && a < end; ) {
      if (granules.stateAt(a) == GranuleState.RD) {
        realm(Realm.of(granules, granules.find(a)));
      }
      a = granules.nextInUse(a + PageLevel.PAGE_SIZE);
    }
    for (long a = granules.nextInUse(0); a >= 0 && a < end; ) {
      orphan(a);
      a = granules.nextInUse(a + PageLevel.PAGE_SIZE);
    }
    operations.forEach(o -> {
      for (int t : o.tables()) {
        if (!tables.contains(t)) {
          say(t, "operation " + o.handle() + " comes back to it, but it is no table any more");
        }
      }
    });
  }

  private void say(int granule, String what) {
    violation.accept("granule 0x" + Long.toHexString(granules.address(granule)) + ": " + what);
  }

  private void realm(Realm realm) {
    for (int tree = 0; tree < realm.roots.length; tree++) {
      for (int i = 0; i < realm.geometry.roots(); i++) {
        table(realm.roots[tree] + i, realm.geometry.startLevel(), tree);
      }
    }
  }

  private void table(int t, int level, int tree) {
    if (granules.state(t) != GranuleState.S_RTT || !(granules.role(t) instanceof long[] entries)) {
      say(t, "a tree leads to it, but it is no table");
      return;
    }
    if (!tables.add(t)) {
      say(t, "two entries lead to this table");
      return;
    }
    int counted = 0;
    for (long e : entries) {
      counted += entry(t, e, level, tree);
    }
    if (granules.count(t) != counted) {
      say(t, "count " + granules.count(t) + ", but " + counted + " entries are live or stamped");
    }
  }

  /** Checks an entry; returns whether its table counts it. */
  private int entry(int t, long e, int level, int tree) {
    if (Rtte.isUnassigned(e)) {
      if (Stamp.is(e)) {
        stamp(t, e);
      }
      return Stamp.is(e) ? 1 : 0;
    }
    if (Rtte.isTable(e)) {
      boolean copy = tree > 0 && tables.contains(granules.find(Rtte.payload(e)));
      if (!copy) {
        table(granules.find(Rtte.payload(e)), level + 1, tree);
      }
      return 1;
    }
    if (Rtte.isAssigned(e)) {
      data(t, e, level, tree);
      return 1;
    }
    return tree > 0 ? 1 : 0;
  }

  private void stamp(int t, long e) {
    var owner = operations.find(Stamp.handleIn(e));
    if (owner == null) {
      say(t, "an entry is stamped by " + Stamp.handleIn(e) + ", which is not open");
    } else if (!owner.claims(t)) {
      say(t, "an entry is stamped by " + Stamp.handleIn(e) + ", which has nothing to do here");
    }
  }

  private void data(int t, long e, int level, int tree) {
    int first = granules.find(Rtte.payload(e));
    long n = Geometry.entrySize(level) >>> PageLevel.PAGE_SHIFT;
    for (int i = 0; i < n; i++) {
      int g = first + i;
      if (granules.state(g) != GranuleState.S_DATA) {
        say(
            g,
            "an entry of table 0x"
                + Long.toHexString(granules.address(t))
                + " leads to it, but it is no DATA");
      } else if (tree > 0) {
        shadows.merge(g, 1, Integer::sum);
      } else if (!data.add(g)) {
        say(g, "two entries lead to this page");
      }
    }
  }

  private void orphan(long a) {
    int g = granules.find(a);
    switch (granules.stateAt(a)) {
      case RTT -> {
        if (!tables.contains(g)) {
          say(g, "no tree leads to this table");
        }
      }
      case DATA -> {
        int shadowed = shadows.getOrDefault(g, 0);
        if (granules.count(g) != shadowed) {
          say(
              g,
              "count " + granules.count(g) + ", but " + shadowed + " auxiliary entries lead to it");
        }
        if (!data.contains(g) && operations.open() == 0) {
          say(g, "no entry leads to this page, and no operation has it");
        }
      }
      case DELEGATED, NS -> {
        if (granules.count(g) != 0) {
          say(g, "count " + granules.count(g) + " of a granule that nobody uses");
        }
      }
      case PARTIAL -> {
        if (operations.open() == 0) {
          say(g, "half made, and no operation is open");
        }
      }
      default -> {}
    }
  }
}
