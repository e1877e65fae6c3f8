package dev.cocovisor.cca.rmm.v1;

import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.Realm;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** All granules in use with state, count and, for tables and descriptors, content. */
record Snapshot(List<String> granules) {
  static Snapshot of(Rmm1 rmm) {
    GranuleTable table = rmm.granules();
    List<String> lines = new ArrayList<>();
    for (long a = table.nextInUse(0); a >= 0; a = table.nextInUse(a + 4096)) {
      Object role = table.role(table.find(a));
      String content =
          switch (role) {
            case long[] entries -> Integer.toHexString(Arrays.hashCode(entries));
            case Realm realm -> realm.state + realm.rim.hex() + realm.recsCreated();
            case null, default -> "";
          };
      lines.add(Long.toHexString(a) + table.stateAt(a) + table.countAt(a) + content);
    }
    return new Snapshot(lines);
  }
}
