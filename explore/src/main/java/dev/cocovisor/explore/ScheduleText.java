package dev.cocovisor.explore;

import java.util.Arrays;

/**
 * How a schedule is written: its decisions one after the other, with those that come again counted.
 *
 * <p>{@code 0*12} is a decision made twelve times; {@code (2*3 0*3)*200} a row of them that comes
 * two hundred times, as in a livelock. Rows stand in no other row.
 */
final class ScheduleText {
  /** More decisions than an execution has steps; what is longer was not written by anybody here. */
  private static final int MOST_DECISIONS = 1 << 20;

  /** A row that comes less often is written out: that is as short, and easier to change by hand. */
  private static final int LEAST_REPEATS = 4;

  /** A row of so many counted decisions at the most; a longer one is hardly looked at as one. */
  private static final int LONGEST_ROW = 256;

  private int[] all = new int[64];
  private int n;

  private ScheduleText() {}

  /**
   * Reads a schedule.
   *
   * @return its decisions
   * @throws IllegalArgumentException if it is none; the text says where
   */
  static int[] read(String text) {
    var reader = new ScheduleText();
    int row = -1;
    String opened = "";
    for (String word : text.strip().split("\\s+", -1)) {
      String decision = word;
      if (word.startsWith("(") && row < 0) {
        row = reader.n;
        opened = word;
        decision = word.substring(1);
      }
      int end = row < 0 ? -1 : decision.indexOf(')');
      if (!word.isEmpty()) {
        reader.decision(end < 0 ? decision : decision.substring(0, end), word);
      }
      if (end >= 0) {
        if (!decision.startsWith(")*", end)) {
          throw wrong(word);
        }
        reader.repeat(row, number(decision.substring(end + 2), 1, word), word);
        row = -1;
      }
    }
    if (row >= 0) {
      throw wrong(opened);
    }
    return Arrays.copyOf(reader.all, reader.n);
  }

  private void decision(String text, String word) {
    int star = text.indexOf('*');
    add(number(star < 0 ? text : text.substring(0, star), 0, word), word);
    repeat(n - 1, star < 0 ? 1 : number(text.substring(star + 1), 1, word), word);
  }

  private void add(int decision, String word) {
    room(n + 1L, word);
    all[n++] = decision;
  }

  /** Has what was read from a place on stand so often in all. */
  private void repeat(int from, int times, String word) {
    int length = n - from;
    room(from + (long) length * times, word);
    for (int i = 1; i < times; i++) {
      System.arraycopy(all, from, all, n, length);
      n += length;
    }
  }

  private void room(long decisions, String word) {
    if (decisions > MOST_DECISIONS) {
      throw new IllegalArgumentException(
          "schedule: '" + word + "' makes it longer than " + MOST_DECISIONS + " decisions");
    }
    if (decisions > all.length) {
      all = Arrays.copyOf(all, (int) Math.max(decisions, all.length * 2L));
    }
  }

  private static int number(String text, int least, String word) {
    try {
      int number = Integer.parseInt(text);
      if (number >= least) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Told with the word it stands in.
    }
    throw wrong(word);
  }

  private static IllegalArgumentException wrong(String word) {
    return new IllegalArgumentException(
        "schedule: '"
            + word
            + "' is no decision: a number, NUMBER*TIMES, or a row of them, (0 1*3)*TIMES,"
            + " expected");
  }

  /** Writes decisions as {@link #read} reads them. */
  static String write(int[] decisions) {
    int[] what = new int[decisions.length];
    int[] times = new int[decisions.length];
    int runs = 0;
    for (int d : decisions) {
      if (runs == 0 || what[runs - 1] != d) {
        what[runs++] = d;
      }
      times[runs - 1]++;
    }
    var s = new StringBuilder();
    for (int i = 0; i < runs; ) {
      int row = 1;
      int repeats = 1;
      for (int length = 2; length <= LONGEST_ROW && i + LEAST_REPEATS * length <= runs; length++) {
        int r = repeats(what, times, i, length, runs);
        if (r >= LEAST_REPEATS && r * length > repeats * row) {
          row = length;
          repeats = r;
        }
      }
      s.append(s.isEmpty() ? "" : " ").append(repeats == 1 ? "" : "(");
      for (int k = i; k < i + row; k++) {
        s.append(k == i ? "" : " ").append(what[k]);
        if (times[k] > 1) {
          s.append('*').append(times[k]);
        }
      }
      if (repeats > 1) {
        s.append(")*").append(repeats);
      }
      i += repeats * row;
    }
    return s.toString();
  }

  /** Returns how often a row of runs comes, one time right after the other. */
  private static int repeats(int[] what, int[] times, int from, int length, int runs) {
    int same = 0;
    int at = from + length;
    while (at < runs && what[at] == what[at - length] && times[at] == times[at - length]) {
      at++;
      same++;
    }
    return 1 + same / length;
  }
}
