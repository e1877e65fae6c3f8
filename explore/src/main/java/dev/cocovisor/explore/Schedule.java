package dev.cocovisor.explore;

import java.util.Arrays;

/**
 * An order of steps: who goes on at each point where several can, and what else was left open. It
 * reads as a line of decisions with repeats counted, {@code 0*12 1*3 (0 1)*200}; past its end
 * whoever runs goes on as long as possible.
 */
public final class Schedule {
  private final int[] decisions;

  private Schedule(int[] decisions) {
    this.decisions = decisions;
  }

  /** Makes a schedule of decisions. */
  public static Schedule of(int... decisions) {
    return new Schedule(decisions.clone());
  }

  /** Returns the number of decisions. */
  public int length() {
    return decisions.length;
  }

  /** Returns a decision. */
  public int at(int i) {
    return decisions[i];
  }

  /** Returns the first decisions. */
  public Schedule first(int n) {
    return new Schedule(Arrays.copyOf(decisions, n));
  }

  /** Returns the decisions with another in the place of one, and those behind it kept. */
  Schedule with(int i, int decision) {
    int[] copy = decisions.clone();
    copy[i] = decision;
    return new Schedule(copy);
  }

  /**
   * Reads what {@link #toString} wrote.
   *
   * @throws IllegalArgumentException if it is something else; the text says where
   */
  public static Schedule parse(String text) {
    return new Schedule(ScheduleText.read(text));
  }

  @Override
  public String toString() {
    return ScheduleText.write(decisions);
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Schedule s && Arrays.equals(decisions, s.decisions);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(decisions);
  }
}
