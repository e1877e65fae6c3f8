package dev.cocovisor.cli.print;

import dev.cocovisor.api.log.LogSource;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Reader;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Shows how far the reading of a log has come: four times a second on a terminal, else a plain line
 * every ten seconds.
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
    long now = System.nanoTime();
    if (now - shown < (console.terminal() ? TERMINAL_NANOS : PLAIN_NANOS)) {
      return;
    }
    shown = now;
    String text =
        "%s: %,d lines, %,.0f a second".formatted(what, lines, lines * 1e9 / (now - started));
    if (console.terminal()) {
      console.err().print("\r\033[K" + text);
      console.err().flush();
      visible = true;
    } else {
      console.err().println(text);
    }
  }

  @Override
  public void close() {
    if (visible) {
      console.err().print("\r\033[K");
      console.err().flush();
    }
  }

  private final class Counting extends BufferedReader {
    private final BufferedReader in;

    Counting(BufferedReader in) {
      super(Reader.nullReader(), 1);
      this.in = in;
    }

    @Override
    public @Nullable String readLine() throws IOException {
      line();
      return in.readLine();
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
