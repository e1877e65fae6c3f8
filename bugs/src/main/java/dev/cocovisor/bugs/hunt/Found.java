package dev.cocovisor.bugs.hunt;

import dev.cocovisor.explore.Finding;
import java.util.Optional;

/**
 * What a hunt ended with.
 *
 * @param what what broke, in the words of the oracle; empty for nothing
 * @param schedules the schedules until then, 1 for a plain run
 * @param millis the time until then
 * @param strategy how it was looked for
 * @param whole whether all that the strategy covers was looked at
 * @param finding the finding of an exploration, minimised
 */
public record Found(
    String what,
    long schedules,
    long millis,
    String strategy,
    boolean whole,
    Optional<Finding> finding) {
  /** Tells whether something broke. */
  public boolean broke() {
    return !what.isEmpty();
  }
}
