package dev.cocovisor.api.sched;

import org.apiguardian.api.API;

/**
 * Decides who goes next in an explored run. It belongs to the run of one host: the actors made with
 * it act on that host, and whoever acts on another host in the same process knows nothing of it.
 *
 * @since 0.2
 */
@FunctionalInterface
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public interface Observer {
  /**
   * Called before a step is made, on the thread that makes it. It returns when the actor is to go
   * on; meanwhile others may have gone. After {@link PointKind#UNLOCK} the step is made already.
   *
   * <p>At {@link PointKind#WAIT} the actor cannot go on before another made a step that writes the
   * same place or gives it up; returning earlier costs a look and no more. If every actor of a run
   * waits, the run is stuck: {@link Actor#waitsFor} and {@link Actor#holds} say who waits for whom.
   *
   * @param actor who makes the step
   * @param where the object touched; identity only, never changed
   * @param index which part of it
   * @param mode whether the step changes it
   */
  void reached(Actor actor, PointKind kind, Object where, long index, Mode mode);

  /**
   * Asked where the model leaves something open.
   *
   * @param where what it is about
   * @param ways how many answers there are, at least 2
   * @return 0, what happens in an ordinary run, to {@code ways - 1}
   */
  default int choose(Actor actor, Choice choice, Object where, int ways) {
    return 0;
  }
}
