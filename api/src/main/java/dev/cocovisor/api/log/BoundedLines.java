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
  private final char[] block = new char[1 << 13];
  private int at;
  private int end;
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
    if (at == end && !more()) {
      return null;
    }
    if (number == 0 && block[at] == BYTE_ORDER_MARK && ++at == end && !more()) {
      return null;
    }
    number++;
    line.setLength(0);
    boolean ended = false;
    while (!ended && (at < end || more())) {
      int from = at;
      while (at < end && block[at] != '\n') {
        at++;
      }
      if (line.length() + (at - from) > LONGEST) {
        throw new IOException(
            "line " + number + " is longer than " + LONGEST + " characters: this is no log");
      }
      line.append(block, from, at - from);
      ended = at < end;
    }
    at += ended ? 1 : 0;
    int length = line.length();
    if (length > 0 && line.charAt(length - 1) == '\r') {
      line.setLength(length - 1);
    }
    return line.toString();
  }

  /** Fills the block anew; false at the end. */
  private boolean more() throws IOException {
    at = 0;
    end = Math.max(read(block, 0, block.length), 0);
    return end > 0;
  }
}
