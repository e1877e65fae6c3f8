package dev.cocovisor.report.results;

import java.util.List;
import java.util.Locale;

/**
 * One thing that was judged.
 *
 * @param group what it is part of: a file, a kit
 * @param name its name, unique in the group
 * @param verdict how it ended
 * @param message why it failed or was skipped, or what is worth saying; may be empty
 * @param details further lines about a failure: its source, how to see it again
 * @param nanos how long it took; 0 where nobody measured
 * @param outcome the judge's own word for how it ended, where it tells more apart than the verdict;
 *     empty where it does not
 */
public record Case(
    String group,
    String name,
    Verdict verdict,
    String message,
    List<String> details,
    long nanos,
    String outcome) {
  /** Keeps a copy of the details. */
  public Case {
    details = List.copyOf(details);
  }

  /** A case whose verdict says all. */
  public Case(
      String group,
      String name,
      Verdict verdict,
      String message,
      List<String> details,
      long nanos) {
    this(group, name, verdict, message, details, nanos, "");
  }

  /** How a case ended. */
  public enum Verdict {
    /** As it should. */
    PASSED,
    /** Not as it should. */
    FAILED,
    /** Nothing was judged. */
    SKIPPED;

    /** Returns the word of documents: {@code passed}. */
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Counts the cases that ended in a way. */
  static long count(List<Case> cases, Verdict verdict) {
    return cases.stream().filter(c -> c.verdict == verdict).count();
  }
}
