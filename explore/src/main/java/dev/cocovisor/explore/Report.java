package dev.cocovisor.explore;

import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;

/**
 * What an exploration saw.
 *
 * @param subject the name of what was explored
 * @param strategy how, as text
 * @param schedules the executions made
 * @param steps the steps announced in all of them
 * @param outcomes how often each outcome came, by its text
 * @param pairs the pairs of conflicting steps of two parts that met, where the explorer notes them
 * @param findings what broke, one of a kind
 * @param exhaustive whether everything the strategy covers was seen
 * @param millis how long it took
 */
public record Report(
    String subject,
    String strategy,
    long schedules,
    long steps,
    SortedMap<String, Long> outcomes,
    SortedSet<String> pairs,
    List<Finding> findings,
    boolean exhaustive,
    long millis) {
  /** Returns the line that ends a run. */
  public String summary() {
    return "schedules=%d outcomes=%d findings=%d %s (%s)"
        .formatted(
            schedules,
            outcomes.size(),
            findings.size(),
            exhaustive
                ? "exhaustive"
                : findings.isEmpty() ? "stopped by its budget" : "stopped at what it found",
            strategy);
  }
}
