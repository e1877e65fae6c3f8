package dev.cocovisor.api.log;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Reader;
import org.jspecify.annotations.Nullable;

/**
 * Lines of a text that may be anything: none is longer than a limit, so that what is read of it
 * takes constant memory, and a byte order mark at its start is not part of it.
 */
final class BoundedLines extends BufferedReader {
  /** The longest line of a recording has 3,000 characters. */
  static final int LONGEST = 1 << 20;

  private static final char BYTE_ORDER_MARK = '\ufeff';

  private final StringBuilder line = new StringBuilder();
  private long number;

  BoundedLines(Reader in) {
    super(in, 1 << 16);
  }

  /**
   * Reads a line.
   *
   * @throws IOException if it is longer than {@link #LONGEST}, with its number
   */
  @Override
  public @Nullable String readLine() throws IOException {
    line.setLength(0);
    int c = read();
    if (c == BYTE_ORDER_MARK && number == 0) {
      c = read();
    }
    if (c < 0) {
      return null;
    }
    number++;
    while (c >= 0 && c != '\n') {
      if (line.length() == LONGEST) {
        throw new IOException(
            "line " + number + " is longer than " + LONGEST + " characters: this is no log");
      }
      line.append((char) c);
      c = read();
    }
    int length = line.length();
    if (length > 0 && line.charAt(length - 1) == '\r') {
      line.setLength(length - 1);
    }
    return line.toString();
  }
}
