package dev.cocovisor.host.load;

import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * Keeps vendor code off standard output while it is loaded: what it prints goes to standard error,
 * and the first line is remembered for a warning. Not for concurrent use; the registry loads one
 * plugin at a time.
 */
final class StdoutGuard implements AutoCloseable {
  private static final int REMEMBERED = 60;

  private final PrintStream out = System.out;
  private final PrintStream err = System.err;
  private final InputStream in = System.in;
  private final PrintStream watched = new PrintStream(new Watched(), true, StandardCharsets.UTF_8);
  private final StringBuilder printed = new StringBuilder();
  private boolean replaced;

  StdoutGuard() {
    System.setOut(watched);
  }

  /** Tells whether other streams were put in place of the process's; known once it is closed. */
  boolean replaced() {
    return replaced;
  }

  /** Returns the start of what was printed, empty if nothing was. */
  String printed() {
    String text = printed.toString();
    int end = text.indexOf('\n');
    return end < 0 ? text : text.substring(0, end);
  }

  boolean anything() {
    return !printed.isEmpty();
  }

  @Override
  public void close() {
    watched.flush();
    replaced = System.out != watched || System.err != err || System.in != in;
    System.setOut(out);
    System.setErr(err);
    System.setIn(in);
  }

  private final class Watched extends OutputStream {
    @Override
    public void write(int b) {
      if (printed.length() < REMEMBERED && b != '\r') {
        printed.append((char) (b & 0x7f));
      }
      err.write(b);
    }
  }
}
