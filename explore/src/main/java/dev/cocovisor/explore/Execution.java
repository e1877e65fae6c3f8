package dev.cocovisor.explore;

import dev.cocovisor.api.sched.Abandoned;
import dev.cocovisor.api.sched.Actor;
import dev.cocovisor.api.sched.Choice;
import dev.cocovisor.api.sched.Location;
import dev.cocovisor.api.sched.Mode;
import dev.cocovisor.api.sched.ModelLock;
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
 * <p>A part is in one of four states: it stands before a step it can make; it stands before taking
 * a lock that another holds; it waits, until another has changed or given up the very place; it has
 * ended. When no part can go on and not all have ended, the run is stuck: {@link #stuck} says who
 * waits for what. A part that retries again and again while nobody else can go on makes a livelock.
 *
 * <p>A step counts as made when its part reaches its next point; only then those who wait for the
 * place look again. What was given up is announced after it is done and wakes them at once.
 */
final class Execution implements Observer {
  /** A retry that nobody else has changed anything for since the last one finds the same again. */
  private static final int MOST_RETRIES = 1;

  private static final int FOR_EVER = 200;

  private final Trial trial;
  private final Strategy strategy;
  private final int mostSteps;
  private final Oracle oracle;
  private final boolean keeps;
  private final Actor[] actors;
  private final Fibers.Fiber[] fibers;
  private final String[][] answers;
  private final ScheduleStep[] pending;
  private final boolean[] waits;
  private final boolean[] ended;
  private final int[] retries;
  private final int[] callOf;
  private final int[] options;
  private final @Nullable Fairness fairness;
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
    answers = new String[n][];
    pending = new ScheduleStep[n];
    waits = new boolean[n];
    ended = new boolean[n];
    retries = new int[n];
    callOf = new int[n];
    options = new int[n];
    // Of two, the other goes first anyway; who looks at the steps chooses by them.
    fairness = n > 2 && !strategy.needsSteps() ? new Fairness(n) : null;
    for (int i = 0; i < n; i++) {
      Trial.Part part = parts.get(i);
      Actor actor = new Actor(part.name(), i, this);
      actors[i] = actor;
      answers[i] = new String[part.calls().size()];
      int number = i;
      pending[i] = new ScheduleStep(i, PointKind.RETRY, actor, 0, Mode.READ);
      fibers[i] = on.of(() -> actor.run(() -> live(number, part)));
    }
  }

  /** What a part does: its calls, one after the other. */
  private void live(int part, Trial.Part what) {
    try {
      for (int c = 0; c < what.calls().size(); c++) {
        callOf[part] = c;
        if (c > 0) {
          reached(actors[part], PointKind.RETRY, actors[part], 0, Mode.READ);
        }
        answers[part][c] = what.calls().get(c).body().get();
      }
    } catch (Abandoned e) {
      return;
    } catch (RuntimeException | Error e) {
      fail(what.name() + ": " + what.calls().get(callOf[part]).text() + " threw " + e);
    }
    ended[part] = true;
    wake(pending[part]);
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
    if (broken == null && allEnded()) {
      String cycle = order.cycle(trial.parts());
      if (cycle != null) {
        fail(cycle);
      }
      oracle.atRest(trial, this::fail);
      dead = trial.dead();
      warned = trial.warned();
    }
    if (!allEnded()) {
      abandon();
    }
  }

  private boolean allEnded() {
    for (boolean e : ended) {
      if (!e) {
        return false;
      }
    }
    return true;
  }

  private void abandon() {
    for (Actor a : actors) {
      a.abandon();
    }
    for (int i = actors.length - 1; i >= 0; i--) {
      if (!ended[i]) {
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
    String answer = answers[part][call];
    return answer == null ? "" : answer;
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
    ScheduleStep before = pending[me];
    if (!waits[me]) {
      wake(before);
    }
    ScheduleStep now = new ScheduleStep(me, kind, where, index, mode);
    pending[me] = now;
    waits[me] = kind == PointKind.WAIT;
    if (takes(kind, mode) && actor.holdsAny()) {
      order.takes(me, actor.holds(), where, mode);
    }
    if (kind == PointKind.UNLOCK) {
      wake(now);
    }
    if (!warm) {
      standUntilChosen(me, now);
      return;
    }
    boolean yields = kind == PointKind.RETRY && where != actor;
    retries[me] = yields ? retries[me] + 1 : kind == PointKind.RETRY ? 0 : retries[me];
    if (++steps > mostSteps) {
      fail("livelock: no end after " + mostSteps + " steps; " + standing());
      actor.abandon();
      return;
    }
    int next = decide(me, yields);
    if (next == me && !over) {
      note(now);
      return;
    }
    if (next >= 0) {
      if (canGo(me) && !yields) {
        preemptions++;
      }
      oracle.always(trial, this::fail);
      goesOn(next);
    } else if (!over) {
      fail(stuck());
    }
    standUntilChosen(me, now);
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
      pairs.made(s, pending, ended);
    }
    if (s.mode() == Mode.WRITE) {
      for (int i = 0; i < retries.length; i++) {
        retries[i] = i == s.part() ? retries[i] : 0;
      }
    }
    if (keeps) {
      made.add(s);
      callsAt.add(callOf.clone());
      before.add(snapshot(s));
    }
  }

  /** What every part stands before, and which of them can go on, as a step is made. */
  private Before snapshot(ScheduleStep s) {
    ScheduleStep[] all = pending.clone();
    int can = 0;
    for (int i = 0; i < all.length; i++) {
      can |= i == s.part() || (!ended[i] && canGo(i)) ? 1 << i : 0;
    }
    return new Before(all, can);
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

  private void wake(ScheduleStep done) {
    for (int i = 0; i < pending.length; i++) {
      ScheduleStep p = pending[i];
      if (waits[i]
          && i != done.part()
          && p.where() == done.where()
          && p.index() == done.index()
          && (done.mode() == Mode.WRITE || done.kind() == PointKind.UNLOCK)) {
        waits[i] = false;
      }
    }
  }

  /** Tells whether a part can make the step it stands before. */
  private boolean canGo(int part) {
    if (ended[part] || waits[part]) {
      return false;
    }
    ScheduleStep p = pending[part];
    return p.kind() != PointKind.LOCK
        || !(p.where() instanceof ModelLock lock)
        || lock.available(p.mode());
  }

  private int decide(int me, boolean yields) {
    boolean mine = canGo(me);
    boolean tired = yields && retries[me] > MOST_RETRIES;
    int able = fairness == null ? 0 : able();
    if (fairness != null && yields) {
      fairness.triesAgain(me, able);
      tired |= !fairness.mayGo(me, able);
    }
    int n = 0;
    if (mine && !tired) {
      options[n++] = me;
    }
    for (int i = 0; i < actors.length; i++) {
      if (i != me && canGo(i) && (fairness == null || fairness.mayGo(i, able))) {
        options[n++] = i;
      }
    }
    if (n == 0 && mine && retries[me] <= FOR_EVER) {
      return me;
    }
    if (n == 0 && mine) {
      fail("livelock: " + actors[me].name() + " retries for ever; " + standing());
      return -1;
    }
    if (n == 0) {
      return -1;
    }
    if (n == 1) {
      return options[0];
    }
    int next = strategy.next(this, options, n, mine && !tired ? me : -1, yields);
    decision(next);
    return next;
  }

  /** Returns the parts that can go on, a bit each. */
  private int able() {
    int able = 0;
    for (int i = 0; i < actors.length; i++) {
      able |= canGo(i) ? 1 << i : 0;
    }
    return able;
  }

  private void goesOn(int part) {
    running = part;
    if (fairness != null) {
      fairness.goes(part);
    }
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
    int n = 0;
    int able = fairness == null ? 0 : able();
    for (int i = 0; i < actors.length; i++) {
      if (canGo(i) && (fairness == null || fairness.mayGo(i, able))) {
        options[n++] = i;
      }
    }
    if (n == 0) {
      if (!allEnded() && broken == null) {
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
    return "deadlock: " + standing();
  }

  private String standing() {
    StringBuilder s = new StringBuilder();
    for (int i = 0; i < actors.length; i++) {
      if (!ended[i]) {
        ScheduleStep p = pending[i];
        s.append(s.isEmpty() ? "" : "; ")
            .append(actors[i].name())
            .append(waits[i] || !canGo(i) ? " waits for " : " stands at ")
            .append(p.kind())
            .append(' ')
            .append(Location.name(p.where(), p.index()));
        if (!actors[i].holds().isEmpty()) {
          s.append(" and holds ");
          s.append(String.join(", ", actors[i].holds().stream().map(h -> h.what() + "").toList()));
        }
      }
    }
    return s.toString();
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
    return pending[part];
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
    for (int p = 0; p < answers.length; p++) {
      List<Trial.Call> calls = trial.parts().get(p).calls();
      for (int c = 0; c < answers[p].length; c++) {
        if (answers[p][c] != null && calls.get(c).allowed().contains(answers[p][c])) {
          return true;
        }
      }
    }
    return false;
  }

  /** Returns the answers of all calls, and what the world looks like at the end. */
  String outcome() {
    if (outcome == null) {
      outcome = written();
    }
    return outcome;
  }

  private String written() {
    StringBuilder s = new StringBuilder();
    List<Trial.Part> parts = trial.parts();
    for (int p = 0; p < answers.length; p++) {
      for (int c = 0; c < answers[p].length; c++) {
        s.append(parts.get(p).name())
            .append(": ")
            .append(parts.get(p).calls().get(c).text())
            .append(" = ")
            .append(answers[p][c])
            .append('\n');
      }
    }
    return s.append(trial.ending()).toString();
  }
}
