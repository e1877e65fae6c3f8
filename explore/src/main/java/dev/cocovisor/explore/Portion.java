package dev.cocovisor.explore;

/**
 * A part of a search: all schedules that begin in a certain way, interrupted where parts are known
 * to share something.
 *
 * @param shared the places that are shared, as far as is known; empty for none
 * @param way how its schedules begin; empty for all schedules
 */
public record Portion(String shared, String way) {
  /** All schedules, as long as nothing is known to be shared: what a search begins with. */
  public static final Portion FIRST = new Portion("", "");
}
