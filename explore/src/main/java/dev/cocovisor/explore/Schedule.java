package dev.cocovisor.explore;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * An order of steps: who goes on at each point where several can, and what else was left open. It
 * reads as a line of decisions with repeats counted, {@code 0*12 1*3 0}; past its end whoever runs
 * goes on as long as possible.
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
    List<Integer> all = new ArrayList<>();
    for (String word : text.strip().split("\\s+", -1)) {
      if (word.isEmpty()) {
        continue;
      }
      int star = word.indexOf('*');
      try {
        int decision = Integer.parseInt(star < 0 ? word : word.substring(0, star));
        int times = star < 0 ? 1 : Integer.parseInt(word.substring(star + 1));
        if (decision < 0 || times < 1 || times > 1 << 20) {
          throw new NumberFormatException(word);
        }
        for (int i = 0; i < times; i++) {
          all.add(decision);
        }
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException(
            "schedule: '" + word + "' is no decision: a number, or NUMBER*TIMES, expected", e);
      }
    }
    return new Schedule(all.stream().mapToInt(Integer::intValue).toArray());
  }

  @Override
  public String toString() {
    StringBuilder s = new StringBuilder();
    for (int i = 0; i < decisions.length; ) {
      int j = i;
      while (j < decisions.length && decisions[j] == decisions[i]) {
        j++;
      }
      s.append(s.isEmpty() ? "" : " ").append(decisions[i]);
      if (j - i > 1) {
        s.append('*').append(j - i);
      }
      i = j;
    }
    return s.toString();
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
