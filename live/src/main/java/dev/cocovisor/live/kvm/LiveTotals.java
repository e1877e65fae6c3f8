package dev.cocovisor.live.kvm;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/** What was run, and what was passed over, by name. */
public final class LiveTotals {
  private final Map<String, Long> passedOver = new TreeMap<>();
  private final Map<String, Long> programsPassedOver = new TreeMap<>();
  private final Map<String, Long> hung = new TreeMap<>();
  private long programs;
  private long calls;

  /** Creates totals of nothing. */
  public LiveTotals() {}

  void program() {
    programs++;
  }

  void call() {
    calls++;
  }

  void passedOver(String what) {
    passedOver.merge(what, 1L, Long::sum);
  }

  void programPassedOver(String what) {
    programsPassedOver.merge(what, 1L, Long::sum);
  }

  void hung(String what) {
    hung.merge(what, 1L, Long::sum);
  }

  /** Returns how many programs were run. */
  public long programs() {
    return programs;
  }

  /** Returns how many calls were made, printed page counters included. */
  public long calls() {
    return calls;
  }

  /** Returns how many calls were passed over, for each reason. */
  public Map<String, Long> passedOver() {
    return Collections.unmodifiableMap(passedOver);
  }

  /** Returns how many programs were passed over, for each reason. */
  public Map<String, Long> programsPassedOver() {
    return Collections.unmodifiableMap(programsPassedOver);
  }

  /** Returns how many programs ended in a call that did not return, for each such call. */
  public Map<String, Long> hung() {
    return Collections.unmodifiableMap(hung);
  }
}
