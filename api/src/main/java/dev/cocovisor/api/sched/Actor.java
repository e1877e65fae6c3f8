package dev.cocovisor.api.sched;

import java.util.ArrayList;
import java.util.List;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * One of those who act on a host at the same time in an explored run: a vCPU's thread, the VMM, a
 * worker of the kernel.
 *
 * <p>An actor is who takes locks and is asked about, whatever thread or continuation carries it.
 * {@link #run} binds it for the time of a body; the model finds it by {@link #current}. In ordinary
 * runs there is none and a thread is its own identity.
 *
 * <p>Used by one thread at a time, and by its observer while that thread is in a point.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public final class Actor {
  private static final ScopedValue<Actor> CURRENT = ScopedValue.newInstance();

  /** Stands for no actor where one lookup has to answer; takes no part in any run. */
  private static final Actor NOBODY = new Actor("nobody", (_, _, _, _, _) -> {});

  private final String name;
  private final int number;
  private final Observer observer;
  private final List<Held> holds = new ArrayList<>();
  private @Nullable Location waitsFor;
  private volatile boolean abandoned;

  /**
   * Something an actor holds.
   *
   * @param what the lock or section
   * @param mode shared or exclusive
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  public record Held(Releasable what, Mode mode) {}

  /**
   * What an actor can hold and what can be taken from an abandoned one.
   *
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  public interface Releasable extends Place {
    /**
     * Gives up one hold of an actor that will not do so itself.
     *
     * @param mode how it is held
     */
    void releaseFor(Actor actor, Mode mode);

    /**
     * Returns what stands for it in the order in which locks are taken; equal ones are the same.
     */
    default Object rank() {
      return this;
    }
  }

  /**
   * Makes an actor of a run.
   *
   * @param name as it is called in reports: {@code vcpu 1}
   * @param number its place among the run's actors, from 0
   * @param observer who decides in this run
   */
  public Actor(String name, int number, Observer observer) {
    this.name = name;
    this.number = number;
    this.observer = observer;
    SchedulePoint.explore();
  }

  private Actor(String name, Observer observer) {
    this.name = name;
    this.number = -1;
    this.observer = observer;
  }

  /** Returns the actor that the calling code runs as; null in an ordinary run. */
  public static @Nullable Actor current() {
    if (!SchedulePoint.explored()) {
      return null;
    }
    Actor a = CURRENT.orElse(NOBODY);
    return a == NOBODY ? null : a;
  }

  /** Returns who takes locks here: the actor, in an ordinary run the thread. */
  static Object identity() {
    Actor a = current();
    return a == null ? Thread.currentThread() : a;
  }

  /** Runs a body as this actor, on the calling thread. */
  public void run(Runnable body) {
    ScopedValue.where(CURRENT, this).run(body);
  }

  /** Returns the name for reports. */
  public String name() {
    return name;
  }

  /** Returns its place among the run's actors. */
  public int number() {
    return number;
  }

  /** Returns what it holds, in the order it took it. */
  public List<Held> holds() {
    return List.copyOf(holds);
  }

  /** Returns what it waits for; null if it does not. */
  public @Nullable Location waitsFor() {
    return waitsFor;
  }

  /** Tells whether it holds anything. */
  public boolean holdsAny() {
    return !holds.isEmpty();
  }

  /** Tells whether it holds something, shared or exclusively. */
  public boolean holds(Object what) {
    for (Held h : holds) {
      if (h.what == what) {
        return true;
      }
    }
    return false;
  }

  /**
   * Lets the actor end at the point it stands at, or the next: the point throws {@link Abandoned}.
   * Steps that give something up are still made, without being announced.
   */
  public void abandon() {
    abandoned = true;
  }

  /**
   * Gives up whatever the actor still holds, the last first, so that the host can be looked at and
   * closed. For a run that was abandoned, after its actors have stopped for good.
   */
  public void free() {
    abandoned = true;
    waitsFor = null;
    while (!holds.isEmpty()) {
      Held h = holds.removeLast();
      h.what.releaseFor(this, h.mode);
    }
  }

  void took(Releasable what, Mode mode) {
    holds.add(new Held(what, mode));
  }

  void gaveUp(Releasable what) {
    for (int i = holds.size() - 1; i >= 0; i--) {
      if (holds.get(i).what == what) {
        holds.remove(i);
        return;
      }
    }
  }

  void reached(PointKind kind, Object where, long index, Mode mode) {
    if (!abandoned) {
      waitsFor = kind == PointKind.WAIT ? new Location(where, index) : null;
      observer.reached(this, kind, where, index, mode);
      waitsFor = null;
    }
    if (abandoned && !kind.isRelease()) {
      throw new Abandoned(this);
    }
  }

  int choose(Choice choice, Object where, int ways) {
    return abandoned ? 0 : observer.choose(this, choice, where, ways);
  }

  @Override
  public String toString() {
    return name;
  }
}
