package dev.cocovisor.api.sched;

import org.apiguardian.api.API;

/**
 * Ends an actor whose run was abandoned: what it is in is left, nothing more is begun.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public final class Abandoned extends Error {
  private static final long serialVersionUID = 1L;

  Abandoned(Actor actor) {
    super("the run of " + actor.name() + " was abandoned", null, false, false);
  }
}
