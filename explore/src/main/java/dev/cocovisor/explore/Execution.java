package dev.cocovisor.explore;

import dev.cocovisor.api.sched.Abandoned;
import dev.cocovisor.api.sched.Actor;
import dev.cocovisor.api.sched.Choice;
import dev.cocovisor.api.sched.Mode;
import dev.cocovisor.api.sched.Observer;
import dev.cocovisor.api.sched.PointKind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One execution of a trial under a strategy.
 *
 * <p>Parts are virtual threads; exactly one runs at a time, from one schedule point to the next. At
 * a point the part announces the step it is about to make and asks who goes on. If that is itself
 * it just returns; otherwise it parks, and the loop of {@link #run} lets the other go on. All on
 * the thread that called {@link #run}, so nothing here needs a lock.
 *
 * <p>{@link EnabledParts} knows who can go on. When nobody can and not all have ended, the run is
 * stuck, and {@link EnabledParts#standing} says who waits for what. A part that retries again and
 * again while nobody else can go on makes a livelock.
 */
final class Execution implements Observer {
  private final Trial trial;
  private final Strategy strategy;
  private final int mostSteps;
  private final Oracle oracle;
  private final boolean keeps;
  private final Actor[] actors;
  private final Fibers.Fiber[] fibers;
  private final CallAnswers answers;
  private final EnabledParts enabled;
  private final int[] callOf;
  private final int[] options;
  private final LockOrder order = new LockOrder();
  private final List<ScheduleStep> made = new ArrayList<>();
  private final List<Before> before = new ArrayList<>();
  private final List<int[]> callsAt = new ArrayList<>();
  private int[] decisions = new int[64];
  private int decided;
  private int steps;
  private int preemptions;
  private int running = -1;
  private @Nullable String broken;
  private boolean over;
  private boolean warm;
  private boolean pruned;
  private Runnable watch = () -> {};
  private boolean looking;
  private @Nullable String dead;
  private @Nullable String warned;
  private boolean unordinary;
  private @Nullable String outcome;
  private @Nullable RacingPairs pairs;

  /**
   * Prepares an execution.
   *
   * @param on what its parts run on, one after the other with other executions
   * @param keeps whether the steps are kept, for lanes and for strategies that look at races
   */
  Execution(
      Trial trial, Strategy strategy, Oracle oracle, Fibers on, int mostSteps, boolean keeps) {
    this.trial = trial;
    this.strategy = strategy;
    this.oracle = oracle;
    this.mostSteps = mostSteps;
    this.keeps = keeps;
    List<Trial.Part> parts = trial.parts();
    int n = parts.size();
    actors = new Actor[n];
    fibers = new Fibers.Fiber[n];
    answers = new CallAnswers(parts);
    callOf = new int[n];
    options = new int[n];
    for (int i = 0; i < n; i++) {
      Trial.Part part = parts.get(i);
      Actor actor = new Actor(part.name(), i, this);
      actors[i] = actor;
      int number = i;
      fibers[i] = on.of(() -> actor.run(() -> live(number, part)));
    }
    // Who looks at the steps chooses by them, and knows better.
    enabled = new EnabledParts(actors, !strategy.needsSteps());
  }

  /** What a part does: its calls, one after the other. */
  private void live(int part, Trial.Part what) {
    try {
      for (int c = 0; c < what.calls().size(); c++) {
        callOf[part] = c;
        if (c > 0) {
          reached(actors[part], PointKind.RETRY, actors[part], 0, Mode.READ);
        }
        answers.set(part, c, what.calls().get(c).body().get());
      }
    } catch (Abandoned e) {
      return;
    } catch (RuntimeException | Error e) {
      fail(what.name() + ": " + what.calls().get(callOf[part]).text() + " threw " + e);
    }
    enabled.ends(part);
    if (warm) {
      chooseAfterEnd();
    }
  }

  /** Runs the trial to its end, or to what breaks it. */
  void run() {
    strategy.begin();
    // What is before a part's first point touches nothing of the others.
    for (Fibers.Fiber f : fibers) {
      f.go();
    }
    warm = true;
    chooseAfterEnd();
    while (!over) {
      fibers[running].go();
    }
    look();
    if (broken == null && enabled.allEnded()) {
      String cycle = order.cycle(trial.parts());
      if (cycle != null) {
        fail(cycle);
      }
      oracle.atRest(trial, this::fail);
      dead = trial.dead();
      warned = trial.warned();
    }
    if (!enabled.allEnded()) {
      abandon();
    }
  }

  private void abandon() {
    for (Actor a : actors) {
      a.abandon();
    }
    for (int i = actors.length - 1; i >= 0; i--) {
      if (!enabled.ended()[i]) {
        fibers[i].go();
      }
    }
    for (Actor a : actors) {
      a.free();
    }
  }

  private void look() {
    looking = true;
    watch.run();
    looking = false;
  }

  /** Has something done before each step and after the last; what it touches is no step. */
  void watch(Runnable before) {
    watch = before;
  }

  /** Has the pairs of conflicting steps that meet noted. */
  void notePairs(RacingPairs into) {
    pairs = into;
  }

  /** Returns what each part holds now, by its name; parts that hold nothing are left out. */
  Map<String, List<String>> holds() {
    var held = new LinkedHashMap<String, List<String>>();
    for (Actor a : actors) {
      if (!a.holds().isEmpty()) {
        held.put(a.name(), a.holds().stream().map(h -> String.valueOf(h.what())).toList());
      }
    }
    return held;
  }

  /** Returns what a call answered; empty where it has not ended. */
  String answer(int part, int call) {
    return answers.of(part, call);
  }

  @Override
  public void reached(Actor actor, PointKind kind, Object where, long index, Mode mode) {
    if (looking) {
      return;
    }
    if (over) {
      actor.abandon();
      return;
    }
    int me = actor.number();
    ScheduleStep now = new ScheduleStep(me, kind, where, index, mode);
    enabled.stands(now);
    if (takes(kind, mode) && actor.holdsAny()) {
      order.takes(me, actor.holds(), where, mode);
    }
    if (!warm) {
      standUntilChosen(me, now);
      return;
    }
    boolean yields = kind == PointKind.RETRY && where != actor;
    if (kind == PointKind.RETRY) {
      enabled.retries(me, yields);
    }
    if (++steps > mostSteps) {
      endless();
      actor.abandon();
      return;
    }
    int next = decide(me, yields);
    if (next == me && !over) {
      note(now);
      return;
    }
    if (next >= 0) {
      if (enabled.canGo(me) && !yields) {
        preemptions++;
      }
      oracle.always(trial, this::fail);
      goesOn(next);
    } else if (!over) {
      fail(stuck());
    }
    standUntilChosen(me, now);
  }

  /** A part that sleeps could end it: it was let, in the execution that this one is like. */
  private void endless() {
    if ((strategy.asleep() & enabled.able()) != 0) {
      prune();
    } else {
      fail("livelock: no end after " + mostSteps + " steps; " + enabled.standing());
    }
  }

  private static boolean takes(PointKind kind, Mode mode) {
    return kind == PointKind.LOCK || (kind == PointKind.SRCU && mode == Mode.WRITE);
  }

  private void standUntilChosen(int me, ScheduleStep now) {
    while (!warm || (!over && running != me)) {
      Fibers.stand();
    }
    if (over) {
      // Nobody goes on in a run that is over: the point throws.
      actors[me].abandon();
    } else {
      note(now);
    }
  }

  private void note(ScheduleStep s) {
    look();
    strategy.step(s);
    if (pairs != null) {
      pairs.made(s, enabled.pending(), enabled.ended());
    }
    enabled.made(s);
    if (keeps) {
      made.add(s);
      callsAt.add(callOf.clone());
      before.add(new Before(enabled.pending().clone(), enabled.able() | 1 << s.part()));
    }
  }

  /**
   * The moment before a step.
   *
   * @param pending the step each part stands before
   * @param enabled the parts that can go on, a bit each
   */
  record Before(ScheduleStep[] pending, int enabled) {}

  /** Returns the moment before a step made, where steps are kept. */
  Before before(int step) {
    return before.get(step);
  }

  /** Gives the execution up: another like it was made already. */
  void prune() {
    pruned = true;
    over = true;
  }

  /** Tells whether the execution was given up as one of a kind already seen. */
  boolean pruned() {
    return pruned;
  }

  private int decide(int me, boolean yields) {
    int n = enabled.offer(me, yields, options);
    if (n == 0) {
      if (!enabled.canGo(me)) {
        return -1;
      }
      if (enabled.retriesForEver(me)) {
        fail("livelock: " + actors[me].name() + " retries for ever; " + enabled.standing());
        return -1;
      }
      return me;
    }
    if (n == 1) {
      return options[0];
    }
    int next = strategy.next(this, options, n, options[0] == me ? me : -1, yields);
    decision(next);
    return next;
  }

  private void goesOn(int part) {
    running = part;
    enabled.goes(part);
  }

  private void decision(int d) {
    if (decided == decisions.length) {
      decisions = Arrays.copyOf(decisions, decided * 2);
    }
    decisions[decided++] = d;
  }

  @Override
  public int choose(Actor actor, Choice choice, Object where, int ways) {
    if (over || looking) {
      return 0;
    }
    int way = strategy.choose(this, ways);
    unordinary |= way != 0;
    decision(way);
    return way;
  }

  /** Chooses who goes on where the part that ran has ended, or none has begun. */
  private void chooseAfterEnd() {
    int n = enabled.offer(-1, false, options);
    if (n == 0) {
      if (!enabled.allEnded() && broken == null) {
        fail(stuck());
      }
      over = true;
      return;
    }
    int next = options[0];
    if (n > 1) {
      next = strategy.next(this, options, n, -1, false);
      decision(next);
    }
    goesOn(next);
  }

  private void fail(String what) {
    if (broken == null) {
      broken = what;
    }
    over = true;
  }

  private String stuck() {
    return "deadlock: " + enabled.standing();
  }

  /** Returns what broke, or null. */
  @Nullable String broken() {
    return broken;
  }

  /** Tells whether something failed or came in between because the strategy chose so. */
  boolean unordinary() {
    return unordinary;
  }

  /** Returns why a VM was declared dead, or null. */
  @Nullable String dead() {
    return dead;
  }

  /** Returns what the kernel warned of, or null. */
  @Nullable String warned() {
    return warned;
  }

  /** Returns the parts. */
  List<Trial.Part> parts() {
    return trial.parts();
  }

  /** Returns the decisions made. */
  Schedule schedule() {
    return Schedule.of(Arrays.copyOf(decisions, decided));
  }

  /** Returns how many decisions were made so far. */
  int decided() {
    return decided;
  }

  /** Returns how many steps were announced. */
  int steps() {
    return steps;
  }

  /** Returns how often a part that could have gone on had to wait for another. */
  int preemptions() {
    return preemptions;
  }

  /** Tells whether a step stands between two calls of a part. */
  boolean isBoundary(ScheduleStep s) {
    return s.where() == actors[s.part()];
  }

  /** Returns the step a part stands before. */
  ScheduleStep pending(int part) {
    return enabled.pending(part);
  }

  /** Returns the steps made, in order, where they are kept. */
  List<ScheduleStep> made() {
    return made;
  }

  /** Returns which call each part was in at a step made. */
  int[] callsAt(int step) {
    return callsAt.get(step);
  }

  /** Tells whether a call answered what it may answer though no order of whole calls has it so. */
  boolean excused() {
    return answers.excused();
  }

  /** Returns the answers of all calls, and what the world looks like at the end. */
  String outcome() {
    if (outcome == null) {
      outcome = answers.written() + trial.ending();
    }
    return outcome;
  }
}
