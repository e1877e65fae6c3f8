package dev.cocovisor.explore.faults;

import dev.cocovisor.explore.Schedule;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What came of a campaign of failures. */
public final class FaultReport {
  /** How a run with a failure went on. */
  public enum End {
    /** The step answered as without the failure. */
    ABSORBED,
    /** The step answered with an error, and as it should when it was tried again. */
    REFUSED,
    /** The VM was declared dead. */
    DEAD
  }

  /**
   * A run that was wrong.
   *
   * @param what what was wrong, with what failed
   * @param plan which choices failed how
   */
  public record Finding(String what, Schedule plan) {}

  private final String subject;
  private final Map<End, Long> ends = new EnumMap<>(End.class);
  private final List<Finding> findings = new ArrayList<>();
  private long injections;
  private long leaks;
  private long warnings;
  private boolean complete = true;

  FaultReport(String subject) {
    this.subject = subject;
    for (End e : End.values()) {
      ends.put(e, 0L);
    }
  }

  void note(Schedule plan, End end, long leaked, boolean warned, @Nullable String wrong) {
    injections++;
    if (wrong != null) {
      findings.add(new Finding(wrong, plan));
      return;
    }
    ends.merge(end, 1L, Long::sum);
    leaks += leaked > 0 ? 1 : 0;
    warnings += warned ? 1 : 0;
  }

  FaultReport cut() {
    complete = false;
    return this;
  }

  /** Returns what was tried. */
  public String subject() {
    return subject;
  }

  /** Returns how many runs with failures were made. */
  public long injections() {
    return injections;
  }

  /** Returns how many runs went on in a way. */
  public long ended(End how) {
    return ends.getOrDefault(how, 0L);
  }

  /** Returns how many runs leaked what the model says it leaks. */
  public long leaks() {
    return leaks;
  }

  /** Returns in how many runs the kernel warned of what no answer could tell. */
  public long warnings() {
    return warnings;
  }

  /** Returns the runs that were wrong. */
  public List<Finding> findings() {
    return List.copyOf(findings);
  }

  /** Tells whether every run was made. */
  public boolean complete() {
    return complete;
  }

  /** Returns the line that ends a run. */
  public String summary() {
    return "injections=%d absorbed=%d refused=%d dead=%d leaking=%d warned=%d findings=%d%s"
        .formatted(
            injections,
            ended(End.ABSORBED),
            ended(End.REFUSED),
            ended(End.DEAD),
            leaks,
            warnings,
            findings.size(),
            complete ? "" : " stopped by its budget");
  }
}
