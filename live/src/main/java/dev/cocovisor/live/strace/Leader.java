package dev.cocovisor.live.strace;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What strace prints in front of a call: who, when, and where in the program.
 *
 * <p>Source: strace 7.2, {@code src/strace.c}, printleader(): the process ({@code [pid N]} on a
 * terminal, a column in a file, with the command's name under -Y), its security context, the time
 * of day (-t), the time since the line before (-r), the call's number (-n) and the instruction
 * pointer (-i). In front of all that a collector of logs may have put a date of its own.
 *
 * @param pid the process or thread, 0 where the line does not say
 * @param time nanoseconds since midnight or since the epoch, -1 where the line does not say
 * @param end where the leader ends and the call begins
 */
record Leader(int pid, long time, int end) {
  private static final String NAME = "(?:<[^>]*>)?";
  private static final Pattern LEADER =
      Pattern.compile(
          "\\s*"
              // A collector's date.
              + "(?:\\d{4}-\\d\\d-\\d\\d[T"
              + " ]\\d\\d:\\d\\d:\\d\\d(?:[.,]\\d+)?(?:Z|[+-]\\d\\d:?\\d\\d)?\\s+)?"
              + "(?:\\[pid\\s+(?<one>\\d{1,9})"
              + NAME
              + "]\\s*|(?<other>\\d{1,9})"
              + NAME
              + "\\s+)?"
              + "(?:\\[[^\\[\\]\\s:]+:[^\\[\\]\\s]+]\\s+)?"
              + "(?:(?:(?<h>\\d\\d):(?<m>\\d\\d):(?<s>\\d\\d)(?:\\.(?<sf>\\d{1,9}))?"
              + "|(?<epoch>\\d{10,11})(?:\\.(?<ef>\\d{1,9}))?"
              + "|\\+?\\d+\\.\\d+"
              + "|\\d{1,6}(?=\\s+[\\[a-zA-Z_<?+-]))\\s+)?"
              + "(?:\\(\\+\\s*\\d+(?:\\.\\d+)?\\)\\s+)?"
              + "(?:\\[\\s*(?:\\d+|0x[0-9a-f]+|\\?+)]\\s+)?"
              + "(?:\\[(?:[0-9a-f]{8}|[0-9a-f]{16}|\\?{8,16})]\\s+)?");

  /** Reads the leader of a line. */
  static Leader of(String line) {
    Matcher m = LEADER.matcher(line);
    if (!m.lookingAt()) {
      return new Leader(0, -1, 0);
    }
    String pid = m.group("one") == null ? m.group("other") : m.group("one");
    return new Leader(pid == null ? 0 : Integer.parseInt(pid), time(m), m.end());
  }

  private static long time(Matcher m) {
    if (m.group("h") != null) {
      long minutes = Long.parseLong(m.group("h")) * 60 + Long.parseLong(m.group("m"));
      return (minutes * 60 + Long.parseLong(m.group("s"))) * 1_000_000_000 + nanos(m.group("sf"));
    }
    return m.group("epoch") == null
        ? -1
        : Math.multiplyExact(Long.parseLong(m.group("epoch")) % 1_000_000_000, 1_000_000_000)
            + nanos(m.group("ef"));
  }

  /** Returns a fraction of a second in nanoseconds; null is none. */
  static long nanos(@Nullable String fraction) {
    return fraction == null ? 0 : Long.parseLong((fraction + "000000000").substring(0, 9));
  }
}
