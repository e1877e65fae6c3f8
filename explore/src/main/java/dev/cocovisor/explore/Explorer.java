package dev.cocovisor.explore;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Runs a subject schedule after schedule and holds each to what must be: the trial's own checks at
 * every switch and at rest, that somebody can always go on, and that the parts' answers together
 * are those of some order of whole calls.
 *
 * <p>A finding is minimised before it is reported: the fewest preemptions with which the same kind
 * of thing breaks, then the shortest schedule.
 *
 * <p>An explorer keeps nothing between calls; several threads may use one at the same time, each on
 * a subject of its own.
 */
public final class Explorer {
  private static final long MOST_SERIAL = 20_000;
  private static final long MOST_TO_MINIMISE = 20_000;

  private final Limits limits;
  private final boolean answersMatter;

  /**
   * Makes an explorer.
   *
   * @param answersMatter whether an outcome that no order of whole calls gives is a finding
   */
  public Explorer(Limits limits, boolean answersMatter) {
    this.limits = limits;
    this.answersMatter = answersMatter;
  }

  /**
   * What the parts may answer.
   *
   * @param outcomes those of all orders of whole calls, and what is allowed besides
   * @param judged whether another outcome is a finding
   * @param whole whether all that was to be judged can be
   */
  private record Right(Set<String> outcomes, boolean judged, boolean whole) {
    boolean has(Execution x) {
      return !judged || x.excused() || outcomes.contains(x.outcome());
    }
  }

  /** Where there are more orders of whole calls than can be tried, answers are not judged. */
  private Right right(Subject subject, Set<String> allowed) {
    var outcomes = new HashSet<>(allowed);
    if (!answersMatter) {
      return new Right(outcomes, false, true);
    }
    Strategy serial = new Serial();
    boolean more = true;
    for (long n = 0; more && n < MOST_SERIAL; n++) {
      try (Trial trial = subject.newTrial()) {
        var x = new Execution(trial, serial, Oracle.TRIAL, limits.steps(), false);
        x.run();
        if (x.broken() == null) {
          outcomes.add(x.outcome());
        }
        more = serial.ended(x);
      }
    }
    return new Right(outcomes, !more, !more);
  }

  /** Explores; as {@link #explore(Subject, Search, Set)} with nothing more allowed. */
  public Report explore(Subject subject, Search search) {
    return explore(subject, search, Set.of());
  }

  /**
   * Explores.
   *
   * @param allowed outcomes that are right besides those of some order of whole calls
   */
  public Report explore(Subject subject, Search search, Set<String> allowed) {
    long began = System.nanoTime();
    Right right = right(subject, allowed);
    Strategy strategy = Strategies.of(search);
    var outcomes = new TreeMap<String, Long>();
    var findings = new ArrayList<Finding>();
    var kinds = new HashSet<String>();
    long n = 0;
    long steps = 0;
    boolean more = true;
    while (more
        && n < limits.schedules()
        && findings.size() < limits.findings()
        && millisSince(began) < limits.millis()) {
      try (Trial trial = subject.newTrial()) {
        var x = new Execution(trial, strategy, Oracle.TRIAL, limits.steps(), strategy.needsSteps());
        x.run();
        n++;
        steps += x.steps();
        if (x.broken() == null && !x.pruned()) {
          outcomes.merge(x.outcome(), 1L, Long::sum);
        }
        String broken = x.pruned() ? x.broken() : whatBroke(x, right);
        if (broken != null && kinds.add(Finding.kindOf(broken))) {
          findings.add(minimised(subject, x, broken, right, n, millisSince(began)));
        }
        more = strategy.ended(x);
      }
    }
    return new Report(
        subject.name(),
        strategy.name(),
        n,
        steps,
        outcomes,
        List.copyOf(findings),
        !more && strategy.exhaustive() && right.whole(),
        millisSince(began));
  }

  private static long millisSince(long began) {
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
  }

  /** Follows one schedule; the report's finding, if any, has its lanes. */
  public Report replay(Subject subject, Schedule schedule, Set<String> allowed) {
    return explore(subject, new Search.One(schedule), allowed);
  }

  /** Follows one schedule and returns what was seen at each of its steps. */
  public List<Moment> record(Subject subject, Schedule schedule) {
    return new Recorder().record(subject, schedule, limits.steps());
  }

  private Finding minimised(
      Subject subject, Execution x, String broken, Right right, long found, long millis) {
    Schedule best = x.schedule();
    int preemptions = x.preemptions();
    String kind = Finding.kindOf(broken);
    for (int bound = 0; bound < preemptions; bound++) {
      Strategy search = BoundedSearch.preemptions(bound);
      boolean more = true;
      for (long n = 0; more && n < MOST_TO_MINIMISE && bound < preemptions; n++) {
        try (Trial trial = subject.newTrial()) {
          var y = new Execution(trial, search, Oracle.TRIAL, limits.steps(), false);
          y.run();
          if (breaksAlike(kind, y, right)) {
            best = y.schedule();
            preemptions = Math.min(bound, y.preemptions());
          }
          more = search.ended(y);
        }
      }
    }
    return shown(subject, shortest(subject, best, kind, right), broken, right, found, millis);
  }

  private static @Nullable String whatBroke(Execution x, Right right) {
    String broken = x.broken();
    if (broken != null || right.has(x)) {
      return broken;
    }
    return "answers that no order of whole calls gives:\n" + x.outcome();
  }

  private static boolean breaksAlike(String kind, Execution x, Right right) {
    String broken = whatBroke(x, right);
    return broken != null && kind.equals(Finding.kindOf(broken));
  }

  /**
   * Returns the shortest beginning of a schedule that breaks the same way if left alone after it.
   */
  private Schedule shortest(Subject subject, Schedule schedule, String kind, Right right) {
    int lo = 0;
    int hi = schedule.length();
    while (lo < hi) {
      int mid = (lo + hi) >>> 1;
      if (breaksAlike(kind, follow(subject, schedule.first(mid)), right)) {
        hi = mid;
      } else {
        lo = mid + 1;
      }
    }
    Schedule cut = schedule.first(hi);
    boolean same = breaksAlike(kind, follow(subject, cut), right);
    return same ? cut : schedule;
  }

  private Execution follow(Subject subject, Schedule schedule) {
    try (Trial trial = subject.newTrial()) {
      Strategy s = new Replayed(schedule);
      var x = new Execution(trial, s, Oracle.TRIAL, limits.steps(), true);
      x.run();
      x.outcome();
      return x;
    }
  }

  private Finding shown(
      Subject subject, Schedule schedule, String broken, Right right, long found, long millis) {
    Execution x = follow(subject, schedule);
    String what = whatBroke(x, right);
    return new Finding(
        what == null ? broken : what, schedule, found, millis, x.preemptions(), Lanes.of(x));
  }
}
