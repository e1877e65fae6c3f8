package dev.cocovisor.api.sched;

/** Ends an actor whose run was abandoned: what it is in is left, nothing more is begun. */
public final class Abandoned extends Error {
  private static final long serialVersionUID = 1L;

  Abandoned(Actor actor) {
    super("the run of " + actor.name() + " was abandoned", null, false, false);
  }
}
