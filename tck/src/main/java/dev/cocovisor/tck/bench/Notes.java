package dev.cocovisor.tck.bench;

import java.util.ArrayList;
import java.util.List;
import org.opentest4j.TestAbortedException;

/** What a rule finds out besides that it holds: what was refused, or that it cannot judge. */
public final class Notes {
  private final List<String> refusals = new ArrayList<>();

  /** Notes that the technology refused what it does not offer. */
  public void refused(String what) {
    if (!refusals.contains(what)) {
      refusals.add(what);
    }
  }

  /** Ends the rule without a judgement. */
  public static TestAbortedException unjudged(String why) {
    return new TestAbortedException("not judged: " + why);
  }

  /** Forgets everything, before the next rule. */
  public void clear() {
    refusals.clear();
  }

  /** Returns what was refused. */
  public List<String> refusals() {
    return List.copyOf(refusals);
  }
}
