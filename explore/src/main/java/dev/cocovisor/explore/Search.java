package dev.cocovisor.explore;

/** How to search: a strategy by name with its parameters, so that each run makes its own. */
public sealed interface Search {
  /** All schedules with at most {@code bound} preemptions. */
  record Preemptions(int bound) implements Search {}

  /** As {@link Preemptions}, with so many answers other than the ordinary where any is open. */
  record Choices(int bound, int choices) implements Search {}

  /** All schedules with at most {@code bound} delays. */
  record Delays(int bound) implements Search {}

  /** One schedule of each kind, without a bound: a proof when it ends. */
  record Dpor() implements Search {}

  /** All orders of whole calls. */
  record Calls() implements Search {}

  /** Priorities of parts, changed {@code depth - 1} times; {@code runs} drawn from {@code seed}. */
  record Pct(long seed, int depth, long runs) implements Search {}

  /** Priorities of steps; {@code runs} drawn from {@code seed}. */
  record Pos(long seed, long runs) implements Search {}

  /** Any part at any point; {@code runs} drawn from {@code seed}. */
  record Uniform(long seed, long runs) implements Search {}

  /** One schedule. */
  record One(Schedule schedule) implements Search {}
}
