package dev.cocovisor.cca.rmilog;

import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.RmmView;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What one line changed: granules, realm states and measurements, written as a log writes them. A
 * log has a line for each only if there is something to say, so silence is compared too.
 */
final class Deltas {
  private static final int GRANULE = 4096;

  private record Before(GranuleState state, int count) {}

  private final GranuleTable granules;
  private final RmmView view;
  private final WatchedMemory memory;
  private final long scannedEnd;
  private final TreeMap<Long, Before> touched = new TreeMap<>();
  private final TreeMap<Long, String> states = new TreeMap<>();
  private final TreeMap<Long, String> rims = new TreeMap<>();

  /**
   * Watches a granule table.
   *
   * @param scanned how many granules from the first on a log reports line by line
   */
  Deltas(GranuleTable granules, RmmView view, WatchedMemory memory, int scanned) {
    this.memory = memory;
    this.granules = granules;
    this.view = view;
    this.scannedEnd = granules.base() + (long) scanned * GRANULE;
    granules.observe(
        a -> touched.putIfAbsent(a, new Before(granules.stateAt(a), granules.countAt(a))));
  }

  /** Returns the lines that should follow the call just made, and forgets what it changed. */
  List<String> take() {
    List<String> lines = new ArrayList<>(3);
    String wrote = memory.written();
    if (wrote != null) {
      lines.add(wrote);
    }
    Runs runs = new Runs();
    touched.forEach((a, before) -> {
      GranuleState state = granules.stateAt(a);
      int count = granules.countAt(a);
      if (a < scannedEnd && (state != before.state || count != before.count)) {
        runs.add(a, state + "/0x" + Integer.toHexString(count));
      }
      if (state != before.state && (state == GranuleState.RD || before.state == GranuleState.RD)) {
        states.remove(a);
        rims.remove(a);
        if (state == GranuleState.RD) {
          states.put(a, "");
          rims.put(a, "");
        }
      }
    });
    touched.clear();
    if (!runs.isEmpty()) {
      lines.add("changed() = {" + runs + "}");
    }
    compare(states, "state", lines);
    compare(rims, "rim", lines);
    return lines;
  }

  private void compare(Map<Long, String> known, String name, List<String> lines) {
    for (Map.Entry<Long, String> e : known.entrySet()) {
      String now = name.equals("rim") ? view.rim(e.getKey()) : view.realmState(e.getKey());
      if (now != null && !now.equals(e.getValue())) {
        e.setValue(now);
        lines.add(name + "(0x" + Long.toHexString(e.getKey()) + ") = " + now);
      }
    }
  }

  /** Returns the line that lists every granule in use. */
  String granules() {
    Runs runs = new Runs();
    for (long a = granules.nextInUse(0); a >= 0; a = granules.nextInUse(a + GRANULE)) {
      runs.add(a, granules.stateAt(a) + "/0x" + Integer.toHexString(granules.countAt(a)));
    }
    return "granules() = {" + runs + "}";
  }

  /** Joins neighbours of equal value into {@code first..last:VALUE}. */
  private static final class Runs {
    private final StringBuilder text = new StringBuilder();
    private long first;
    private long last;
    private @Nullable String value;

    void add(long address, String v) {
      if (value != null && v.equals(value) && address == last + GRANULE) {
        last = address;
        return;
      }
      flush();
      first = address;
      last = address;
      value = v;
    }

    boolean isEmpty() {
      return value == null && text.isEmpty();
    }

    private void flush() {
      if (value == null) {
        return;
      }
      if (!text.isEmpty()) {
        text.append(", ");
      }
      text.append("0x").append(Long.toHexString(first));
      if (last != first) {
        text.append("..0x").append(Long.toHexString(last));
      }
      text.append(':').append(value);
      value = null;
    }

    @Override
    public String toString() {
      flush();
      return text.toString();
    }
  }
}
