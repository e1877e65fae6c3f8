package dev.cocovisor.cli.print;

import dev.cocovisor.api.log.LogSource;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Reader;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Shows how far something has come, how fast it goes, and when it will be done where that is known:
 * four times a second on a terminal, else a plain line every ten seconds.
 */
public final class Progress implements AutoCloseable {
  private static final long TERMINAL_NANOS = 250_000_000L;
  private static final long PLAIN_NANOS = 10_000_000_000L;

  private final Console console;
  private final String what;
  private final LongConsumer each;
  private final long started = System.nanoTime();
  private long shown = started;
  private long lines;
  private long read;
  private long length;
  private boolean visible;

  /**
   * Prepares it.
   *
   * @param what the log's name
   * @param each told of the number of each line that was read
   */
  public Progress(Console console, String what, LongConsumer each) {
    this.console = console;
    this.what = what;
    this.each = each;
  }

  /** Prepares it for something that is counted by {@link #done}. */
  public Progress(Console console, String what) {
    this(console, what, _ -> {});
  }

  /**
   * As {@link #watch(LogSource)}.
   *
   * @param characters how long the log is; 0 where nobody knows
   */
  public LogSource watch(LogSource log, long characters) {
    length = characters;
    return watch(log);
  }

  /**
   * Counts.
   *
   * @param count how many are done
   * @param of how many there are
   * @param unit what they are
   */
  public void done(long count, long of, String unit) {
    show(count, unit, count, of);
  }

  /** Returns the same log, whose lines are counted as they are read. */
  public LogSource watch(LogSource log) {
    return new LogSource(log.name(), () -> new Counting(log.opener().open()));
  }

  private void line() {
    lines++;
    each.accept(lines);
    if ((lines & 255) != 0) {
      return;
    }
    show(lines, "lines", read, length);
  }

  private void show(long count, String unit, long done, long total) {
    long now = System.nanoTime();
    if (now - shown < (console.terminal() ? TERMINAL_NANOS : PLAIN_NANOS)) {
      return;
    }
    shown = now;
    String text = text(what, count, unit, now - started, done, total);
    if (console.terminal()) {
      console.err().print("\r\033[K" + text);
      console.err().flush();
      visible = true;
    } else {
      console.err().println(text);
    }
  }

  /** Returns what is shown; without an estimate where it is not known how much there is. */
  static String text(String what, long count, String unit, long nanos, long done, long total) {
    String text = "%s: %,d %s, %,.0f a second".formatted(what, count, unit, count * 1e9 / nanos);
    if (total <= 0 || done <= 0 || done > total) {
      return text;
    }
    long left = (long) (nanos / 1e9 * (total - done) / done);
    return text + ", %d %%, ETA %d:%02d".formatted(100 * done / total, left / 60, left % 60);
  }

  /** Takes the line away until it is shown again: before something else is printed. */
  public void clear() {
    if (visible) {
      console.err().print("\r\033[K");
      console.err().flush();
      visible = false;
    }
  }

  @Override
  public void close() {
    clear();
  }

  private final class Counting extends BufferedReader {
    private final BufferedReader in;

    Counting(BufferedReader in) {
      super(Reader.nullReader(), 1);
      this.in = in;
    }

    @Override
    public @Nullable String readLine() throws IOException {
      String text = in.readLine();
      read += text == null ? 0 : text.length() + 1;
      line();
      return text;
    }

    @Override
    public int read() throws IOException {
      return in.read();
    }

    @Override
    public int read(char[] buffer, int from, int length) throws IOException {
      return in.read(buffer, from, length);
    }

    @Override
    public boolean ready() throws IOException {
      return in.ready();
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }
}
