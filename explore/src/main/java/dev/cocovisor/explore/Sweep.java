package dev.cocovisor.explore;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Makes the executions of one search, shared among workers, with a result that does not depend on
 * how many there are.
 *
 * <p>The executions of a search have an order. Each worker makes a stretch of it; one that has
 * nothing to do is given the last part of another's stretch. What is found ends its stretch, and
 * when enough was found all that comes later in the order is dropped, however far others had come
 * with it. So the first finding, its number and the outcomes seen up to there are those of a single
 * worker. Only a search that its budget stops may have made other executions.
 */
final class Sweep {
  /** Says what is wrong with an execution that came to its end. */
  @FunctionalInterface
  interface Judge {
    /** Returns what broke, or null. */
    @Nullable String broken(Execution x);
  }

  /**
   * Something that broke, as it was met.
   *
   * @param number the number of the execution in the order of the search, from 1
   */
  record Caught(String what, Schedule schedule, int preemptions, long number, long millis) {}

  /**
   * What came of a search.
   *
   * @param pairs the pairs of conflicting steps that met; none where they are not noted
   * @param complete whether nothing was left to make
   */
  record Result(
      long schedules,
      long steps,
      TreeMap<String, Long> outcomes,
      SortedSet<String> pairs,
      List<Caught> caught,
      boolean complete) {}

  /** Executions that follow each other; what breaks ends it. */
  private static final class Stretch {
    final Strategy strategy;
    final Map<String, Long> outcomes = new HashMap<>();
    final RacingPairs pairs = new RacingPairs();
    long schedules;
    long steps;
    @Nullable Caught caught;
    boolean taken;
    boolean whole;
    volatile boolean dropped;

    Stretch(Strategy strategy) {
      this.strategy = strategy;
    }
  }

  /** So many executions a single worker makes before it asks others. */
  private static final int WORTH_SHARING = 24;

  private final Subject subject;
  private final Limits limits;
  private final int workers;
  private final Judge judge;
  private final long began = System.nanoTime();
  private final AtomicLong made = new AtomicLong();
  private final Object monitor = new Object();
  private final Thread caller = Thread.currentThread();
  private final List<Thread> helpers = new ArrayList<>();
  private final List<Stretch> stretches = new ArrayList<>();
  private final List<Strategy> parts = new ArrayList<>();
  private final Set<String> kindsBefore = new HashSet<>();
  private boolean notesPairs;
  private int working;
  private volatile int idle;
  private volatile boolean stopped;
  private @Nullable Throwable failure;

  /**
   * Prepares a sweep.
   *
   * @param workers how many threads may make executions, the calling one included
   * @param limits its number of findings is how many kinds are caught
   */
  Sweep(Subject subject, Limits limits, int workers, Judge judge) {
    this.subject = subject;
    this.limits = limits;
    this.workers = workers;
    this.judge = judge;
  }

  /** Has the pairs of conflicting steps that meet noted. */
  Sweep notingPairs(boolean wanted) {
    notesPairs = wanted;
    return this;
  }

  /** Makes the executions of a search, and again as long as it learns what it did not know. */
  Result run(Strategy search) {
    return run(search, true);
  }

  /** Makes the executions of a search once. */
  Result once(Strategy search) {
    return run(search, false);
  }

  private Result run(Strategy search, boolean rounds) {
    var outcomes = new TreeMap<String, Long>();
    var pairs = new RacingPairs();
    var caught = new ArrayList<Caught>();
    long schedules = 0;
    long steps = 0;
    boolean complete = true;
    Strategy round = search;
    while (round != null && complete) {
      sweep(round);
      for (Stretch s : stretches) {
        if (s.dropped) {
          break;
        }
        Caught c = s.caught;
        if (c != null && kindsBefore.add(Finding.kindOf(c.what()))) {
          caught.add(
              new Caught(
                  c.what(), c.schedule(), c.preemptions(), schedules + c.number(), c.millis()));
        }
        schedules += s.schedules;
        steps += s.steps;
        s.outcomes.forEach((text, n) -> outcomes.merge(text, n, Long::sum));
        pairs.addAll(s.pairs);
        complete &= s.whole;
      }
      complete &= caught.size() < limits.findings();
      round = complete && rounds ? round.again(parts) : null;
    }
    return new Result(schedules, steps, outcomes, pairs.texts(), caught, complete);
  }

  private void sweep(Strategy round) {
    stretches.clear();
    parts.clear();
    stretches.add(new Stretch(round));
    parts.add(round);
    work();
    helpers.forEach(Sweep::joined);
    helpers.clear();
    Throwable failed = failure;
    if (failed instanceof Error e) {
      throw e;
    }
    if (failed instanceof RuntimeException e) {
      throw e;
    }
  }

  private static void joined(Thread t) {
    boolean interrupted = false;
    while (t.isAlive()) {
      try {
        t.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Lets others help where there is more to make than it costs to begin. */
  private void callHelpers() {
    while (helpers.size() < workers - 1) {
      String name = "explorer " + (helpers.size() + 1);
      helpers.add(Thread.ofPlatform().daemon().name(name).start(this::work));
    }
  }

  private void work() {
    try (var fibers = new Fibers()) {
      for (Stretch s = take(); s != null; s = take()) {
        try {
          make(s, fibers);
        } finally {
          rest();
        }
      }
    } catch (RuntimeException | Error e) {
      synchronized (monitor) {
        failure = failure == null ? e : failure;
        stopped = true;
        monitor.notifyAll();
      }
    }
  }

  /** Returns the first stretch that nobody has; waits while there is none but may come one. */
  private @Nullable Stretch take() {
    synchronized (monitor) {
      while (!stopped) {
        for (Stretch s : stretches) {
          if (!s.taken && !s.dropped) {
            s.taken = true;
            working++;
            return s;
          }
        }
        if (working == 0) {
          break;
        }
        idle++;
        try {
          monitor.wait();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          stopped = true;
        }
        idle--;
      }
      monitor.notifyAll();
      return null;
    }
  }

  private void rest() {
    synchronized (monitor) {
      working--;
      monitor.notifyAll();
    }
  }

  private void make(Stretch first, Fibers fibers) {
    Stretch s = first;
    Strategy strategy = s.strategy;
    boolean more = true;
    while (more && !s.dropped && !stopped && withinBudget()) {
      try (Trial trial = subject.newTrial()) {
        boolean keeps = strategy.needsSteps();
        var x = new Execution(trial, strategy, Oracle.TRIAL, fibers, limits.steps(), keeps);
        if (notesPairs) {
          x.notePairs(s.pairs);
        }
        x.run();
        s.schedules++;
        s.steps += x.steps();
        if (x.broken() == null && !x.pruned()) {
          s.outcomes.merge(x.outcome(), 1L, Long::sum);
        }
        String broken = judge.broken(x);
        more = strategy.ended(x);
        if (broken != null) {
          s = caught(s, broken, x, more);
        } else if (more && idle > 0) {
          share(s, strategy);
        }
        if (more && made.get() >= WORTH_SHARING && Thread.currentThread() == caller) {
          callHelpers();
        }
      }
    }
    s.whole = !more;
  }

  private boolean withinBudget() {
    if (made.getAndIncrement() < limits.schedules() && millis() < limits.millis()) {
      return true;
    }
    stopped = true;
    return false;
  }

  private long millis() {
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
  }

  /** Ends a stretch with what broke; what is left of it becomes the next. */
  private Stretch caught(Stretch s, String broken, Execution x, boolean more) {
    synchronized (monitor) {
      if (isKnown(Finding.kindOf(broken), s)) {
        return s;
      }
      Stretch next = new Stretch(s.strategy);
      next.taken = true;
      next.whole = !more;
      s.whole = true;
      s.caught = new Caught(broken, x.schedule(), x.preemptions(), s.schedules, millis());
      stretches.add(stretches.indexOf(s) + 1, next);
      var kinds = new HashSet<>(kindsBefore);
      boolean enough = false;
      for (Stretch each : stretches) {
        each.dropped |= enough;
        Caught c = each.caught;
        if (c != null && kinds.add(Finding.kindOf(c.what()))) {
          enough |= kinds.size() >= limits.findings();
        }
      }
      return next;
    }
  }

  /** Tells whether such a thing broke before, in the order of the search. */
  private boolean isKnown(String kind, Stretch s) {
    if (kindsBefore.contains(kind)) {
      return true;
    }
    for (Stretch earlier : stretches) {
      if (earlier == s) {
        return false;
      }
      if (earlier.caught != null && Finding.kindOf(earlier.caught.what()).equals(kind)) {
        return true;
      }
    }
    return false;
  }

  private void share(Stretch s, Strategy strategy) {
    synchronized (monitor) {
      Strategy rest = idle > 0 ? strategy.split() : null;
      if (rest != null) {
        parts.add(rest);
        stretches.add(stretches.indexOf(s) + 1, new Stretch(rest));
        monitor.notifyAll();
      }
    }
  }
}
