package dev.cocovisor.explore;

import dev.cocovisor.api.sched.Actor;
import dev.cocovisor.api.sched.Location;
import dev.cocovisor.api.sched.Mode;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.PointKind;

/**
 * Which parts of an execution can go on, and who is offered.
 *
 * <p>A part is in one of four states: it stands before a step it can make; it stands before taking
 * a lock that another holds; it waits, until another has changed or given up the very place; it has
 * ended.
 *
 * <p>A step counts as made when its part reaches its next point; only then those who wait for the
 * place look again. What was given up is announced after it is done and wakes them at once.
 */
final class EnabledParts {
  private final Actor[] actors;
  private final ScheduleStep[] pending;
  private final boolean[] waits;
  private final boolean[] ended;
  private final Retries retries;

  /**
   * Every part stands before its first call.
   *
   * @param fair whether of three and more parts nobody is kept waiting by two who try again
   */
  EnabledParts(Actor[] actors, boolean fair) {
    int n = actors.length;
    this.actors = actors;
    pending = new ScheduleStep[n];
    waits = new boolean[n];
    ended = new boolean[n];
    retries = new Retries(n, fair);
    for (int i = 0; i < n; i++) {
      pending[i] = new ScheduleStep(i, PointKind.RETRY, actors[i], 0, Mode.READ);
    }
  }

  /** Returns the step a part stands before. */
  ScheduleStep pending(int part) {
    return pending[part];
  }

  /** Returns the steps that all parts stand before; not to be changed. */
  ScheduleStep[] pending() {
    return pending;
  }

  /** Returns which parts have ended; not to be changed. */
  boolean[] ended() {
    return ended;
  }

  boolean allEnded() {
    for (boolean e : ended) {
      if (!e) {
        return false;
      }
    }
    return true;
  }

  /** A part has made the step it stood before and stands before the next. */
  void stands(ScheduleStep now) {
    int part = now.part();
    if (!waits[part]) {
      wake(pending[part]);
    }
    pending[part] = now;
    waits[part] = now.kind() == PointKind.WAIT;
    if (now.kind() == PointKind.UNLOCK) {
      wake(now);
    }
  }

  /** A part has made its last step. */
  void ends(int part) {
    ended[part] = true;
    wake(pending[part]);
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

  /** A part tries again, or begins a call. */
  void retries(int part, boolean again) {
    if (again) {
      retries.again(part, able());
    } else {
      retries.ends(part);
    }
  }

  /** A step is made: whoever retries for what it may have changed has something new to find. */
  void made(ScheduleStep s) {
    if (s.mode() == Mode.WRITE) {
      retries.wrote(s.part());
    }
  }

  /** A part is chosen. */
  void goes(int part) {
    retries.goes(part);
  }

  /** Tells whether a part can make the step it stands before. */
  boolean canGo(int part) {
    if (ended[part] || waits[part]) {
      return false;
    }
    ScheduleStep p = pending[part];
    return p.kind() != PointKind.LOCK
        || !(p.where() instanceof ModelLock lock)
        || lock.available(p.mode());
  }

  /** Returns the parts that can go on, a bit each. */
  int able() {
    int able = 0;
    for (int i = 0; i < actors.length; i++) {
      able |= canGo(i) ? 1 << i : 0;
    }
    return able;
  }

  /**
   * Says who may be chosen.
   *
   * @param me the part that asks, first among the options where it is one; -1 for none
   * @param yields whether it tries again, which it may not do for ever while another could go on
   * @param options takes them
   * @return how many there are
   */
  int offer(int me, boolean yields, int[] options) {
    int able = able();
    boolean stays = !yields || (!retries.isInVain(me) && retries.mayGo(me, able));
    int n = 0;
    if (me >= 0 && stays && (able >>> me & 1) != 0) {
      options[n++] = me;
    }
    for (int i = 0; i < actors.length; i++) {
      if (i != me && (able >>> i & 1) != 0 && retries.mayGo(i, able)) {
        options[n++] = i;
      }
    }
    return n;
  }

  /** Tells whether a part that can go on has tried again too often, with nobody else to go. */
  boolean retriesForEver(int part) {
    return retries.isForEver(part);
  }

  /** Says who stands where, waits for what and holds what. */
  String standing() {
    StringBuilder s = new StringBuilder();
    for (int i = 0; i < actors.length; i++) {
      if (!ended[i]) {
        ScheduleStep p = pending[i];
        s.append(s.isEmpty() ? "" : "; ")
            .append(actors[i].name())
            .append(canGo(i) ? " stands at " : " waits for ")
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
}
