package dev.cocovisor.explore;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Runs a subject schedule after schedule and holds each to what must be: the trial's own checks at
 * every switch and at rest, that somebody can always go on, and that the parts' answers together
 * are those of some order of whole calls.
 *
 * <p>A finding is minimised before it is reported: the fewest preemptions with which the same kind
 * of thing breaks, then the fewest steps, then the shortest schedule.
 *
 * <p>An explorer keeps nothing between calls; several threads may use one at the same time, each on
 * a subject of its own.
 */
public final class Explorer {
  private static final long MOST_SERIAL = 20_000;
  private static final long MOST_TO_MINIMISE = 20_000;
  private static final long MOST_TO_SHORTEN = 2_000;

  private final Limits limits;
  private final boolean answersMatter;
  private final int workers;
  private final boolean notesPairs;

  /**
   * Makes an explorer that works on the calling thread.
   *
   * @param answersMatter whether an outcome that no order of whole calls gives is a finding
   */
  public Explorer(Limits limits, boolean answersMatter) {
    this(limits, answersMatter, 1, false);
  }

  private Explorer(Limits limits, boolean answersMatter, int workers, boolean notesPairs) {
    this.limits = limits;
    this.answersMatter = answersMatter;
    this.workers = workers;
    this.notesPairs = notesPairs;
  }

  /**
   * Returns one that shares the schedules of a search among threads. Outcomes and findings are the
   * same whatever their number, unless its budget stops the search. Subjects build their trials on
   * all of them at the same time. DPOR's next execution depends on the one before; it keeps to one.
   *
   * @param threads from 1
   */
  public Explorer withWorkers(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("workers: a number from 1 expected");
    }
    return new Explorer(limits, answersMatter, threads, notesPairs);
  }

  /**
   * Returns one that also notes which pairs of schedule points met: two parts stood before steps
   * that touch the same place, at least one changes it, and one went first.
   */
  public Explorer withPairs() {
    return new Explorer(limits, answersMatter, workers, true);
  }

  boolean notesPairs() {
    return notesPairs;
  }

  /**
   * What the parts may answer.
   *
   * @param outcomes those of all orders of whole calls, and what is allowed besides
   * @param judged whether another outcome is a finding
   * @param dies whether an order of whole calls makes a VM be declared dead
   * @param warns whether an order of whole calls makes the kernel warn
   * @param whole whether all that was to be judged can be
   */
  record Right(Set<String> outcomes, boolean judged, boolean dies, boolean warns, boolean whole) {
    boolean has(Execution x) {
      return !judged || x.excused() || outcomes.contains(x.outcome());
    }
  }

  /** Where there are more orders of whole calls than can be tried, answers are not judged. */
  Right right(Subject subject, Set<String> allowed) {
    var outcomes = new HashSet<>(allowed);
    var most = new Limits(MOST_SERIAL, Long.MAX_VALUE, limits.steps(), 1);
    var dies = new AtomicBoolean();
    var warns = new AtomicBoolean();
    Sweep.Judge judge =
        x -> {
          if (x.dead() != null) {
            dies.set(true);
          }
          if (x.warned() != null) {
            warns.set(true);
          }
          return null;
        };
    Sweep.Result all = new Sweep(subject, most, workers, judge).run(new Serial());
    outcomes.addAll(all.outcomes().keySet());
    boolean whole = all.complete();
    return new Right(
        outcomes,
        answersMatter && whole,
        dies.get() || !whole,
        warns.get() || !whole,
        whole || !answersMatter);
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
    strategy.expect(follow(subject, Schedule.of()).steps());
    Sweep.Result seen =
        new Sweep(subject, limits, workers, x -> x.pruned() ? x.broken() : whatBroke(x, right))
            .notingPairs(notesPairs)
            .run(strategy);
    var findings = new ArrayList<Finding>();
    for (Sweep.Caught c : seen.caught()) {
      findings.add(
          search instanceof Search.One one
              ? shown(subject, one.schedule(), c, right)
              : minimised(subject, search, c, right));
    }
    return new Report(
        subject.name(),
        strategy.name(),
        seen.schedules(),
        seen.steps(),
        seen.outcomes(),
        seen.pairs(),
        List.copyOf(findings),
        seen.complete() && strategy.exhaustive() && right.whole(),
        TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began));
  }

  /**
   * Returns a search to make in portions, elsewhere and in any order.
   *
   * @param allowed outcomes that are right besides those of some order of whole calls
   * @throws IllegalArgumentException if the search is not {@linkplain Portions#isPortioned one that
   *     has portions}
   */
  public Portions portions(Subject subject, Search search, Set<String> allowed) {
    return new Portions(this, limits, subject, search, right(subject, allowed));
  }

  /** Follows one schedule; the report's finding, if any, is in that very one and has its lanes. */
  public Report replay(Subject subject, Schedule schedule, Set<String> allowed) {
    return explore(subject, new Search.One(schedule), allowed);
  }

  /** Follows one schedule and returns what was seen at each of its steps. */
  public List<Moment> record(Subject subject, Schedule schedule) {
    return new ScheduleRecorder().record(subject, schedule, limits.steps());
  }

  Finding minimised(Subject subject, Search search, Sweep.Caught caught, Right right) {
    Schedule best = caught.schedule();
    int preemptions = caught.preemptions();
    String kind = Finding.kindOf(caught.what());
    int choices = search instanceof Search.Choices c ? c.choices() : 0;
    var most = new Limits(MOST_TO_MINIMISE, Long.MAX_VALUE, limits.steps(), 1);
    for (int bound = 0; bound < preemptions; bound++) {
      Sweep.Result fewer =
          new Sweep(subject, most, workers, y -> breaksAlike(kind, y, right) ? kind : null)
              .run(BoundedSearch.preemptions(bound, choices));
      if (!fewer.caught().isEmpty()) {
        best = fewer.caught().getFirst().schedule();
        preemptions = bound;
        break;
      }
    }
    best = fewestSteps(subject, BoundedSearch.preemptions(preemptions, choices), best, kind, right);
    return shown(subject, shortest(subject, best, kind, right), caught, right);
  }

  /**
   * Returns the one with the fewest steps among the schedules of a search that break alike, as far
   * as it is worth to look; one worker looks, so that it is always the same.
   */
  private Schedule fewestSteps(
      Subject subject, Strategy search, Schedule found, String kind, Right right) {
    Execution x = follow(subject, found);
    var best = new AtomicReference<>(found);
    var steps = new AtomicInteger(x.steps());
    Sweep.Judge judge =
        y -> {
          if (y.steps() < steps.get() && breaksAlike(kind, y, right)) {
            best.set(y.schedule());
            steps.set(y.steps());
          }
          return null;
        };
    var most = new Limits(MOST_TO_SHORTEN, Long.MAX_VALUE, limits.steps(), 1);
    var _ = new Sweep(subject, most, 1, judge).run(search);
    return Objects.requireNonNull(best.get());
  }

  static @Nullable String whatBroke(Execution x, Right right) {
    String broken = x.broken();
    if (broken != null || x.unordinary()) {
      // What fails answers otherwise than any order of whole calls in which nothing does.
      return broken;
    }
    if (x.dead() != null && !right.dies()) {
      return "a VM is declared dead, as no order of whole calls does: " + x.dead();
    }
    if (x.warned() != null && !right.warns()) {
      return "the kernel warns, as in no order of whole calls: " + x.warned();
    }
    if (right.has(x)) {
      return null;
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
    return follow(subject, schedule, null);
  }

  private Execution follow(
      Subject subject, Schedule schedule, @Nullable List<Map<String, List<String>>> held) {
    try (var fibers = new Fibers();
        Trial trial = subject.newTrial()) {
      Strategy s = new Replayed(schedule);
      var x = new Execution(trial, s, Oracle.TRIAL, fibers, limits.steps(), true);
      if (held != null) {
        x.watch(() -> held.add(x.holds()));
      }
      x.run();
      x.outcome();
      return x;
    }
  }

  private Finding shown(Subject subject, Schedule schedule, Sweep.Caught caught, Right right) {
    var held = new ArrayList<Map<String, List<String>>>();
    Execution x = follow(subject, schedule, held);
    String what = whatBroke(x, right);
    return new Finding(
        what == null ? caught.what() : what,
        schedule,
        caught.number(),
        caught.millis(),
        x.preemptions(),
        Lanes.of(x, held));
  }
}
