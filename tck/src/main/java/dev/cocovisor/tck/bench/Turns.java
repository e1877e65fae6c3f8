package dev.cocovisor.tck.bench;

import dev.cocovisor.api.sched.Actor;
import dev.cocovisor.api.sched.Mode;
import dev.cocovisor.api.sched.Observer;
import dev.cocovisor.api.sched.PointKind;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Lets actors go in turns: each makes a number of steps, then the next one goes on, round and
 * round, until all have ended. A step is what lies between two schedule points. However busy the
 * machine is, the same turns lead through the same steps: each actor has a thread of its own, and
 * only the one whose turn it is runs.
 */
public final class Turns implements Observer {
  /** Turns in which nobody makes more than a look; then nobody ever will. */
  private static final int LOOKS = 10_000;

  private final int quantum;
  private final List<Actor> actors = new ArrayList<>();
  private final Semaphore[] turns;
  private final boolean[] ended;
  private final Semaphore over = new Semaphore(0);
  // What follows is touched by the one whose turn it is.
  private int steps;
  private int looks;
  private @Nullable Throwable thrown;

  private Turns(int quantum, int actors) {
    this.quantum = quantum;
    this.turns = new Semaphore[actors];
    this.ended = new boolean[actors];
    for (int i = 0; i < actors; i++) {
      turns[i] = new Semaphore(0);
      this.actors.add(new Actor("vcpu " + i, i, this));
    }
  }

  /**
   * Runs a body as each of several actors.
   *
   * @param count how many there are
   * @param quantum steps in a turn, at least 1
   * @param body what each does, told its number from 0
   * @throws AssertionError if one fails, or if all wait for each other
   */
  public static void run(int count, int quantum, IntConsumer body) {
    Turns t = new Turns(quantum, count);
    for (int i = 0; i < count; i++) {
      int number = i;
      var _ =
          Thread.ofPlatform().daemon().name("vcpu " + number).start(() -> t.carry(number, body));
    }
    t.turns[0].release();
    try {
      t.over.acquire();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("the actors did not come to an end", e);
    }
    Throwable failure = t.thrown;
    if (failure != null) {
      throw new AssertionError("in turns of " + quantum + ": " + failure.getMessage(), failure);
    }
  }

  private void carry(int number, IntConsumer body) {
    turns[number].acquireUninterruptibly();
    Actor me = actors.get(number);
    try {
      if (thrown == null) {
        me.run(() -> body.accept(number));
      }
    } catch (RuntimeException | Error e) {
      if (thrown == null) {
        thrown = e;
      }
    }
    if (thrown != null) {
      me.free();
    }
    ended[number] = true;
    int next = after(number);
    if (next < 0) {
      over.release();
    } else {
      turns[next].release();
    }
  }

  /** Returns whose turn it is after an actor's; -1 if all have ended. */
  private int after(int number) {
    for (int i = 1; i <= turns.length; i++) {
      int next = (number + i) % turns.length;
      if (!ended[next]) {
        return next;
      }
    }
    return -1;
  }

  @Override
  public void reached(Actor actor, PointKind kind, @Nullable Object where, long index, Mode mode) {
    boolean look = kind == PointKind.WAIT || kind == PointKind.RETRY;
    if (!look) {
      looks = 0;
      if (++steps % quantum != 0) {
        return;
      }
    } else if (++looks > LOOKS) {
      throw new AssertionError(actor.name() + " waits for somebody who never goes on, at " + kind);
    }
    int next = after(actor.number());
    if (next != actor.number()) {
      turns[next].release();
      turns[actor.number()].acquireUninterruptibly();
    }
    if (thrown != null) {
      actor.abandon();
    }
  }
}
