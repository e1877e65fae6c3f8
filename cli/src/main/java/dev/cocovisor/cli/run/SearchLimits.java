package dev.cocovisor.cli.run;

import dev.cocovisor.cli.print.UsageException;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** How far commands that search schedules go: preemptions in one schedule, and time for all. */
final class SearchLimits {
  /** A year: who means "for ever" gets as good as that. */
  private static final long MOST_SECONDS = 365L * 86_400;

  @Option(
      names = "--bound",
      paramLabel = "N",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "The most preemptions, or delays where the search counts those.")
  private int bound = 2;

  @Option(
      names = "--seconds",
      paramLabel = "N",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "The most time for all of it; what is left then is said.")
  private long seconds;

  /**
   * Prepares them.
   *
   * @param seconds the most time where none is asked for
   */
  SearchLimits(long seconds) {
    this.seconds = seconds;
  }

  /** Refuses numbers that mean nothing. */
  void check() {
    if (bound < 0) {
      throw new UsageException("--bound: a number from 0 expected");
    }
    if (seconds < 1 || seconds > MOST_SECONDS) {
      throw new UsageException("--seconds: a number from 1 to " + MOST_SECONDS + " expected");
    }
  }

  int bound() {
    return bound;
  }

  long seconds() {
    return seconds;
  }

  long millis() {
    return seconds * 1000;
  }
}
