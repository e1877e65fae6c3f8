package dev.cocovisor.cli.run;

import dev.cocovisor.api.Backend;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.entry.LogBug;
import dev.cocovisor.tck.RuleList;
import dev.cocovisor.tck.TckRun;
import dev.cocovisor.tck.report.RuleResult;
import dev.cocovisor.tck.subject.JudgedBackend;
import dev.cocovisor.vmm.Technologies;
import java.time.Duration;
import java.util.List;
import java.util.Objects;

/** Whether the compatibility kit notices a bug that nobody looks for. */
final class KitOnBugs {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final Technologies technologies;

  /** Judges with the technologies there are, without a bug. */
  KitOnBugs(Technologies technologies) {
    this.technologies = technologies;
  }

  /** Returns the first rule that fails where a bug is and not where it is not; empty if none. */
  String sees(Bug bug) {
    if (bug instanceof LogBug) {
      return "";
    }
    JudgedBackend there = subject(bug, bug.putInto(technologies));
    JudgedBackend absent = subject(bug, bug.leaveOut(technologies));
    for (String id : RuleList.ids(List.of())) {
      if (fails(there, id) && !fails(absent, id)) {
        return id;
      }
    }
    return "";
  }

  /** Returns what is judged where a bug is in, or left out of, the technologies. */
  JudgedBackend subject(Bug bug, Technologies on) {
    Backend plain = Objects.requireNonNull(technologies.require(bug.judgedOn()).backend());
    Backend changed = Objects.requireNonNull(on.require(bug.judgedOn()).backend());
    return JudgedBackend.of(changed, plain.getClass().getClassLoader()).withHosts(on::boot);
  }

  private static boolean fails(JudgedBackend subject, String rule) {
    return TckRun.run(subject, List.of(rule), LIMIT, _ -> {}).stream()
        .anyMatch(r -> r.outcome() == RuleResult.Outcome.FAILED);
  }
}
