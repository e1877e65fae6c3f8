package dev.cocovisor.explore.faults;

import dev.cocovisor.api.sched.Actor;
import dev.cocovisor.api.sched.Choice;
import dev.cocovisor.api.sched.Location;
import dev.cocovisor.api.sched.Mode;
import dev.cocovisor.api.sched.Observer;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.explore.Schedule;
import java.util.ArrayList;
import java.util.List;

/**
 * Lets the choices of one run be answered as a plan says: 0, all is well, or the way of a failure.
 * The run has one actor, so whoever waits waits for ever.
 */
final class Injector implements Observer {
  /**
   * A choice that a run was asked for.
   *
   * @param step the step that came to it
   * @param what what may fail, for people
   * @param ways how many answers there are
   */
  record Asked(int step, String what, int ways) {}

  /** Nobody else acts, so a retry finds the same again. */
  private static final int MOST_RETRIES = 10_000;

  private final Schedule plan;
  private final List<Asked> asked = new ArrayList<>();
  private final List<String> failed = new ArrayList<>();
  private boolean active;
  private int step;
  private int retries;

  Injector(Schedule plan) {
    this.plan = plan;
  }

  /** Tells it which step begins, and whether something may fail in it. */
  void begins(int number, boolean mayFail) {
    active = mayFail;
    step = number;
    retries = 0;
  }

  /** Returns the choices so far, in order. */
  List<Asked> asked() {
    return asked;
  }

  /** Returns what failed so far. */
  List<String> failed() {
    return failed;
  }

  @Override
  public void reached(Actor actor, PointKind kind, Object where, long index, Mode mode) {
    if (kind == PointKind.WAIT) {
      throw new IllegalStateException("waits for ever for " + Location.name(where, index));
    }
    if (kind == PointKind.RETRY && ++retries > MOST_RETRIES) {
      throw new IllegalStateException("retries for ever at " + Location.name(where, index));
    }
  }

  @Override
  public int choose(Actor actor, Choice choice, Object where, int ways) {
    if (!active || (choice != Choice.ALLOCATION && choice != Choice.FIRMWARE)) {
      return 0;
    }
    String what = where instanceof TrustedCall c ? c.callName() : "an allocation";
    int at = asked.size();
    asked.add(new Asked(step, what, ways));
    int way = at < plan.length() ? plan.at(at) : 0;
    if (way <= 0 || way >= ways) {
      return 0;
    }
    failed.add(what + (ways > 2 ? " (way " + way + ")" : ""));
    return way;
  }
}
