package dev.cocovisor.core.race;

import dev.cocovisor.api.sched.Actor;
import dev.cocovisor.api.sched.Location;
import dev.cocovisor.api.sched.Mode;
import dev.cocovisor.api.sched.Observer;
import dev.cocovisor.api.sched.PointKind;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Every order of the steps of two or three actors with few preemptions: what the races of the core
 * are tested with. Small on purpose; the real explorer is a module of its own.
 */
final class Schedules {
  /** A retry is followed by the same again at most so often before others must go. */
  private static final int MOST_STEPS = 4_000;

  /** What happens at the same time, made anew for each schedule. */
  interface Race {
    /** Returns what the actors do. */
    List<Runnable> actors();

    /** Returns what is wrong afterwards, empty if nothing is. */
    List<String> check();
  }

  /** What all schedules showed. */
  record Result(int schedules, List<String> findings) {}

  private static final class Stuck extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Stuck(String why) {
      super(why);
    }
  }

  /** One place where more than one could go: which went, of how many. */
  private static final class Fork {
    int taken;
    final List<Integer> who;

    Fork(List<Integer> who) {
      this.who = who;
    }
  }

  private final int bound;
  private final List<Fork> forks = new ArrayList<>();
  private int at;
  private int preemptions;
  private int steps;
  private final List<String> trace = new ArrayList<>();

  private Schedules(int bound) {
    this.bound = bound;
  }

  /** Runs every schedule with at most {@code bound} preemptions; stops at the first findings. */
  static Result all(int bound, Supplier<Race> made) {
    Schedules s = new Schedules(bound);
    int n = 0;
    List<String> findings = new ArrayList<>();
    do {
      n++;
      Race race = made.get();
      s.at = 0;
      s.preemptions = 0;
      s.steps = 0;
      s.trace.clear();
      List<String> wrong = s.run(race);
      if (!wrong.isEmpty()) {
        findings.addAll(wrong);
        findings.add("schedule " + n + ":\n  " + String.join("\n  ", s.trace));
        break;
      }
    } while (s.next());
    return new Result(n, findings);
  }

  private boolean next() {
    while (!forks.isEmpty()) {
      Fork f = forks.getLast();
      if (f.taken + 1 < f.who.size()) {
        f.taken++;
        return true;
      }
      forks.removeLast();
    }
    return false;
  }

  /** One actor's side of a schedule. */
  private static final class Side {
    final Semaphore go = new Semaphore(0);
    boolean done;
    boolean yields;
    @Nullable Location waits;
    @Nullable Throwable threw;
  }

  private List<String> run(Race race) {
    List<Runnable> bodies = race.actors();
    List<Side> sides = new ArrayList<>();
    List<Actor> actors = new ArrayList<>();
    Semaphore back = new Semaphore(0);
    Observer observer =
        (actor, kind, where, index, mode) -> {
          Side me = sides.get(actor.number());
          if (kind == PointKind.WAIT) {
            me.waits = new Location(where, index);
          } else {
            if (mode == Mode.WRITE || kind == PointKind.UNLOCK) {
              wake(sides, where, index);
            }
            me.yields = kind == PointKind.RETRY;
          }
          trace.add(actor + " " + kind + " " + mode + " " + Location.name(where, index));
          back.release();
          me.go.acquireUninterruptibly();
        };
    for (int i = 0; i < bodies.size(); i++) {
      sides.add(new Side());
      actors.add(new Actor("actor " + i, i, observer));
    }
    for (int i = 0; i < bodies.size(); i++) {
      int me = i;
      var _ =
          Thread.ofPlatform()
              .daemon()
              .start(() -> {
                Side side = sides.get(me);
                side.go.acquireUninterruptibly();
                try {
                  actors.get(me).run(bodies.get(me));
                } catch (Throwable t) {
                  side.threw = t;
                }
                side.done = true;
                sides.forEach(s -> s.waits = null);
                back.release();
              });
    }
    try {
      int last = -1;
      while (true) {
        int next = choose(sides, last);
        if (next < 0) {
          break;
        }
        last = next;
        sides.get(next).go.release();
        back.acquireUninterruptibly();
      }
    } catch (Stuck e) {
      StringBuilder text = new StringBuilder(e.getMessage());
      for (int i = 0; i < sides.size(); i++) {
        text.append("; ")
            .append(actors.get(i))
            .append(sides.get(i).done ? " done" : " waits for " + actors.get(i).waitsFor())
            .append(" holds ")
            .append(actors.get(i).holds());
      }
      for (int i = 0; i < sides.size(); i++) {
        if (!sides.get(i).done) {
          actors.get(i).abandon();
          sides.get(i).go.release();
          back.acquireUninterruptibly();
          while (!sides.get(i).done) {
            sides.get(i).go.release();
            back.acquireUninterruptibly();
          }
        }
      }
      return List.of(text.toString());
    }
    List<String> wrong = new ArrayList<>();
    for (Side s : sides) {
      if (s.threw != null) {
        wrong.add("threw " + s.threw);
      }
    }
    wrong.addAll(race.check());
    return wrong;
  }

  private static void wake(List<Side> sides, Object where, long index) {
    Location l = new Location(where, index);
    for (Side s : sides) {
      if (l.equals(s.waits)) {
        s.waits = null;
      }
    }
  }

  private int choose(List<Side> sides, int last) {
    if (++steps > MOST_STEPS) {
      throw new Stuck("livelock");
    }
    List<Integer> can = new ArrayList<>();
    boolean live = false;
    for (int i = 0; i < sides.size(); i++) {
      live |= !sides.get(i).done;
      if (!sides.get(i).done && sides.get(i).waits == null) {
        can.add(i);
      }
    }
    if (!live) {
      return -1;
    }
    if (can.isEmpty()) {
      throw new Stuck("deadlock");
    }
    boolean mayStay = can.contains(last) && !sides.get(last).yields;
    if (mayStay) {
      // The one who runs first, so that the first schedule has no preemption.
      can.remove(Integer.valueOf(last));
      can.addFirst(last);
      if (preemptions >= bound) {
        return last;
      }
    } else if (can.contains(last) && can.size() > 1) {
      can.remove(Integer.valueOf(last));
    }
    if (can.size() == 1) {
      return can.getFirst();
    }
    if (at == forks.size()) {
      forks.add(new Fork(List.copyOf(can)));
    }
    Fork f = forks.get(at++);
    int chosen = f.who.get(f.taken);
    if (mayStay && chosen != last) {
      preemptions++;
    }
    return chosen;
  }
}
