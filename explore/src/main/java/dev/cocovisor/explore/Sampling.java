package dev.cocovisor.explore;

import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Schedules drawn at random, for scenarios too large to search.
 *
 * <p>PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler with Probabilistic
 * Guarantees of Finding Bugs, ASPLOS 2010) gives parts random priorities and lowers the running
 * one's at a few random steps. POS (Yuan, Yang, Gu: Partial Order Aware Concurrency Sampling, CAV
 * 2018) gives every step a random priority, anew for those that conflict with the one made. Uniform
 * takes any part at any point.
 */
final class Sampling implements Strategy {
  /** Ways to draw. */
  enum Kind {
    /** Priorities of parts, with a few changes. */
    PCT,
    /** Priorities of steps. */
    POS,
    /** Any part at any point. */
    RANDOM
  }

  private static final int PARTS = 32;

  private final Kind kind;
  private final long seed;
  private final int changes;
  private SplittableRandom random = new SplittableRandom(0);
  private final double[] priority = new double[PARTS];
  private int[] changeAt = {};
  private int length = 1;
  private int made;
  private long run;
  private long end;

  /**
   * Draws schedules.
   *
   * @param changes how often PCT changes priorities, its depth less one
   * @param runs how many to draw
   */
  Sampling(Kind kind, long seed, int changes, long runs) {
    this.kind = kind;
    this.seed = seed;
    this.changes = changes;
    this.end = runs;
  }

  @Override
  public String name() {
    return kind.name().toLowerCase(java.util.Locale.ROOT) + " seed=" + seed;
  }

  @Override
  public void begin() {
    // Each run is drawn from its own number, so that it is the same whoever makes it.
    random = new SplittableRandom(seed * 0xd1342543de82ef95L + run);
    made = 0;
    for (int i = 0; i < PARTS; i++) {
      priority[i] = random.nextDouble() + (kind == Kind.PCT ? 1 : 0);
    }
    changeAt = random.ints(changes, 0, Math.max(1, length)).sorted().toArray();
  }

  @Override
  public void step(ScheduleStep s) {
    made++;
    if (kind == Kind.PCT) {
      for (int i = 0; i < changeAt.length; i++) {
        if (changeAt[i] == made) {
          priority[s.part()] = (double) (changeAt.length - i) / (changeAt.length + 1);
        }
      }
    } else {
      priority[s.part()] = random.nextDouble();
    }
  }

  @Override
  public int next(Execution x, int[] options, int n, int running, boolean yields) {
    if (kind == Kind.RANDOM) {
      return options[random.nextInt(n)];
    }
    if (yields && running >= 0) {
      priority[running] = kind == Kind.PCT ? 0 : random.nextDouble();
      return best(options, 1, n);
    }
    int next = best(options, 0, n);
    if (kind == Kind.POS) {
      ScheduleStep chosen = x.pending(next);
      for (int i = 0; i < n; i++) {
        if (x.pending(options[i]).conflicts(chosen)) {
          priority[options[i]] = random.nextDouble();
        }
      }
    }
    return next;
  }

  private int best(int[] options, int from, int n) {
    int best = options[from];
    for (int i = from + 1; i < n; i++) {
      best = priority[options[i]] > priority[best] ? options[i] : best;
    }
    return best;
  }

  @Override
  public void expect(int steps) {
    length = steps;
  }

  @Override
  public boolean ended(Execution x) {
    return ++run < end;
  }

  @Override
  public @Nullable Strategy split() {
    if (end - run < 2) {
      return null;
    }
    var rest = new Sampling(kind, seed, changes, end);
    rest.length = length;
    rest.run = run + (end - run) / 2;
    end = rest.run;
    return rest;
  }
}
