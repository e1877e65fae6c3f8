package dev.cocovisor.live.strace;

import dev.cocovisor.api.log.LogSource;
import java.io.BufferedReader;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A trace that lies in a file for each thread ({@code strace -ff}: {@code FILE.PID}), read as one.
 *
 * <p>With times of day in front of its calls lines come in the order in which the calls returned as
 * far as that is known: a call's time is that of its beginning, the time it took (-T) stands at its
 * end. Without times nothing tells the order; a child's lines are taken at the place where its
 * parent made it.
 */
final class SplitTrace {
  private static final Pattern PID = Pattern.compile(".*\\.(\\d{1,9})(?:\\.gz)?");
  private static final Pattern TOOK = Pattern.compile("<(\\d{1,9})(?:\\.(\\d{1,9}))?>\\s*$");
  private static final Pattern MADE =
      Pattern.compile(".*\\b(?:clone3?|v?fork)\\(.*\\) += (\\d{1,9})\\b.*");
  private static final long HALF_A_DAY = 43_200_000_000_000L;

  /** Takes lines in their order. */
  interface Taker {
    /**
     * Takes a line.
     *
     * @param file the file it stands in
     * @param pid the process or thread that the file is of
     */
    void take(LogSource file, int pid, int number, String text);
  }

  /** A file and how far it was read. */
  private static final class Part implements AutoCloseable {
    private final LogSource file;
    private final int pid;
    private final BufferedReader in;
    private @Nullable String text;
    private int number;
    private long began = -1;
    private long returned;

    private Part(LogSource file, int pid) throws IOException {
      this.file = file;
      this.pid = pid;
      this.in = file.opener().open();
      next();
    }

    private void next() throws IOException {
      text = in.readLine();
      number++;
      if (text != null) {
        long time = Leader.of(text).time();
        if (time >= 0) {
          // Past midnight.
          began = began - time > HALF_A_DAY ? time + 2 * HALF_A_DAY : time;
          // A child begins before the call that makes it returns.
          returned = began + (MADE.matcher(text).matches() ? 0 : took(text));
        }
      }
    }

    private static long took(String text) {
      Matcher m = TOOK.matcher(text);
      return m.find() ? Long.parseLong(m.group(1)) * 1_000_000_000 + Leader.nanos(m.group(2)) : 0;
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }

  private SplitTrace() {}

  /** Tells whether files are the parts of one trace. */
  static boolean is(List<LogSource> files) {
    return files.size() > 1 && files.stream().allMatch(f -> PID.matcher(f.name()).matches());
  }

  /** Returns the process or thread that a file is of, 0 if its name does not say. */
  static int pid(LogSource file) {
    Matcher m = PID.matcher(file.name());
    return m.matches() ? Integer.parseInt(m.group(1)) : 0;
  }

  /**
   * Reads all files.
   *
   * @return whether times told the order
   * @throws IOException if one cannot be read
   */
  static boolean read(List<LogSource> files, Taker taker) throws IOException {
    var parts = new ArrayList<Part>();
    try {
      for (LogSource file : files) {
        parts.add(new Part(file, pid(file)));
      }
      boolean timed = parts.stream().allMatch(p -> p.text == null || p.began >= 0);
      if (timed) {
        byTime(parts, taker);
      } else {
        byDescent(parts, taker);
      }
      return timed;
    } finally {
      for (Part p : parts) {
        p.close();
      }
    }
  }

  private static void byTime(List<Part> parts, Taker taker) throws IOException {
    var queue = new PriorityQueue<>(Comparator.comparingLong((Part p) -> p.returned));
    for (Part p : parts) {
      if (p.text != null) {
        queue.add(p);
      }
    }
    for (Part p = queue.poll(); p != null; p = queue.poll()) {
      give(p, taker);
      if (p.text != null) {
        queue.add(p);
      }
    }
  }

  private static void give(Part p, Taker taker) throws IOException {
    String text = p.text;
    if (text != null) {
      taker.take(p.file, p.pid, p.number, text);
      p.next();
    }
  }

  private static void byDescent(List<Part> parts, Taker taker) throws IOException {
    var byPid = new HashMap<Integer, Part>();
    parts.forEach(p -> byPid.put(p.pid, p));
    for (Part root : parts) {
      descend(root, byPid, taker);
    }
  }

  private static void descend(Part root, Map<Integer, Part> byPid, Taker taker) throws IOException {
    Deque<Part> reading = new ArrayDeque<>();
    reading.push(root);
    while (!reading.isEmpty()) {
      Part p = reading.element();
      String text = p.text;
      if (text == null) {
        var _ = reading.pop();
        continue;
      }
      give(p, taker);
      Matcher made = MADE.matcher(text);
      Part child = made.matches() ? byPid.get(Integer.parseInt(made.group(1))) : null;
      if (child != null && child.number == 1) {
        reading.push(child);
      }
    }
  }
}
