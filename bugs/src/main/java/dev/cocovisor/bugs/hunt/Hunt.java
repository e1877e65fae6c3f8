package dev.cocovisor.bugs.hunt;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.entry.LogBug;
import dev.cocovisor.bugs.entry.TrialBug;
import dev.cocovisor.explore.Explorer;
import dev.cocovisor.explore.Finding;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.explore.Report;
import dev.cocovisor.explore.ScenarioSubject;
import dev.cocovisor.explore.Search;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Optional;

/** Looks for a bug by its scenario, with the bug and without it. */
public final class Hunt {
  /** More preemptions than any bug asks for. */
  private static final int MOST = 100;

  private final Technologies technologies;
  private final Limits limits;

  /**
   * Makes a hunt.
   *
   * @param technologies those there are, without a bug
   * @param limits how far each exploration goes
   */
  public Hunt(Technologies technologies, Limits limits) {
    this.technologies = technologies;
    this.limits = limits;
  }

  /** Looks for a bug that is there. */
  public Found with(Bug bug) {
    return look(bug, true);
  }

  /** Runs or explores the scenario of a bug on a host that does not have it. */
  public Found without(Bug bug) {
    return look(bug, false);
  }

  private Found look(Bug bug, boolean there) {
    Technologies on = there ? bug.putInto(technologies) : bug.leaveOut(technologies);
    return switch (bug) {
      case LogBug l -> LogRun.of(l, there);
      case TrialBug t -> explored(t, t.subject(there));
      default ->
          explores(bug)
              ? explored(bug, subject(bug, scenario(bug), on))
              : PlainRun.of(bug, scenario(bug), on);
    };
  }

  /** Returns what is explored where a bug is there, for a search of one's own. */
  public Subject subject(Bug bug) {
    return bug instanceof TrialBug t
        ? t.subject(true)
        : subject(bug, scenario(bug), bug.putInto(technologies));
  }

  private static Subject subject(Bug bug, Scenario scenario, Technologies on) {
    return new ScenarioSubject(scenario, on, bug.technology(), Map.of());
  }

  /** With few preemptions first: most bugs need one, and then there are few schedules. */
  private Found explored(Bug bug, Subject subject) {
    var explorer = new Explorer(limits, bug.answersMatter());
    long schedules = 0;
    long millis = 0;
    Report r;
    int bound = bug.search() instanceof Search.Preemptions ? 0 : MOST;
    do {
      boolean last = bound == MOST || bug.search().equals(new Search.Preemptions(bound));
      r = explorer.explore(subject, last ? bug.search() : new Search.Preemptions(bound));
      if (!r.findings().isEmpty()) {
        Finding f = r.findings().getFirst();
        return new Found(
            f.what(),
            schedules + f.found(),
            millis + f.millis(),
            r.strategy(),
            false,
            Optional.of(f));
      }
      schedules += r.schedules();
      millis += r.millis();
      bound = last ? MOST + 1 : bound + 1;
    } while (bound <= MOST);
    return new Found("", schedules, millis, r.strategy(), r.exhaustive(), Optional.empty());
  }

  /** Tells whether the scenario of a bug names actors, so that it is explored. */
  public boolean explores(Bug bug) {
    return bug.scenario().lines().anyMatch(l -> l.startsWith("actor("));
  }

  /** Reads the scenario of a bug. */
  public Scenario scenario(Bug bug) {
    try {
      return Scenario.read(
          LogSource.text(bug.scenarioName(), bug.scenario()), StepWords.of(technologies));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
