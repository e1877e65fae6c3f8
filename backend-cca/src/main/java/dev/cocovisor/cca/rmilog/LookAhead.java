package dev.cocovisor.cca.rmilog;

import java.io.BufferedReader;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * The lines of a log, of which the first few are read before they are wanted: as far as the first
 * command that only one version of RMI has.
 */
final class LookAhead {
  private static final int FAR_ENOUGH = 10_000;
  private static final String CALL = "smc(";

  private final BufferedReader reader;
  private final Deque<String> read = new ArrayDeque<>();

  LookAhead(BufferedReader reader) {
    this.reader = reader;
  }

  /** Returns the version that the log is of; 1.0 if no command tells. */
  RmmVersion version() throws IOException {
    while (read.size() < FAR_ENOUGH) {
      String line = reader.readLine();
      if (line == null) {
        break;
      }
      read.addLast(line);
      if (line.startsWith(CALL)) {
        String name = line.substring(CALL.length()).split("[,)]", 2)[0];
        RmmVersion only = RmmVersion.onlyOne(name);
        if (only != null) {
          return only;
        }
      }
    }
    return RmmVersion.V1;
  }

  /** Returns the next line; null at the end. */
  @Nullable String next() throws IOException {
    return read.isEmpty() ? reader.readLine() : read.removeFirst();
  }
}
