package dev.cocovisor.script.text;

import dev.cocovisor.api.log.LogSource;
import java.io.BufferedReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads a call log line by line. */
public final class LogReader implements AutoCloseable {
  private static final Pattern PROGRAM = Pattern.compile("#\\s*program\\s+(\\d{1,9})\\b.*");

  private final String name;
  private final BufferedReader in;
  private int line;
  private boolean ended;

  /**
   * Opens a log.
   *
   * @throws IOException if it cannot be opened
   */
  public LogReader(LogSource log) throws IOException {
    this.name = log.name();
    this.in = log.opener().open();
  }

  /**
   * Returns the next line, or null at the end.
   *
   * @throws IOException if the text cannot be read
   * @throws dev.cocovisor.api.log.LogSyntaxException if the line breaks the grammar
   */
  public @Nullable LogLine next() throws IOException {
    String text = ended ? null : in.readLine();
    if (text == null) {
      return null;
    }
    // A recorder's log ends so; what its console says afterwards is no part of it.
    ended = text.strip().equals("# END");
    return parse(name, ++line, text);
  }

  /**
   * Passes over lines without looking at them.
   *
   * @param wanted the number of the line that {@link #next} returns then, from 1
   */
  public void skipTo(int wanted) throws IOException {
    while (line + 1 < wanted && in.readLine() != null) {
      line++;
    }
  }

  /** Reads a whole log. */
  public static List<LogLine> readAll(LogSource log) throws IOException {
    var all = new ArrayList<LogLine>();
    try (var reader = new LogReader(log)) {
      for (LogLine l = reader.next(); l != null; l = reader.next()) {
        all.add(l);
      }
    }
    return all;
  }

  /**
   * Parses one line.
   *
   * @param name the log's name, for errors
   * @param line the 1-based line number
   */
  public static LogLine parse(String name, int line, String text) {
    int first = 0;
    while (first < text.length() && Character.isWhitespace(text.charAt(first))) {
      first++;
    }
    if (first == text.length()) {
      return new LogLine.Remark(line, text);
    }
    char c = text.charAt(first);
    if (c == '#') {
      var program = PROGRAM.matcher(text).region(first, text.length());
      return program.matches()
          ? new LogLine.ProgramStart(line, Integer.parseInt(program.group(1)), text)
          : new LogLine.Remark(line, text);
    }
    // strace's remarks on signals and exits stand between calls.
    if (text.startsWith("---", first) || text.startsWith("+++", first)) {
      return new LogLine.Remark(line, text);
    }
    return new LineParser(name, line, text).call();
  }

  /**
   * Parses a result alone, as it stands behind {@code =}.
   *
   * @param name the log's name, for errors
   * @param line the 1-based line number
   * @param column where the text stands in it, 1-based
   * @throws dev.cocovisor.api.log.LogSyntaxException if it is none
   */
  public static LogResult result(String name, int line, int column, String text) {
    // Padded, so that columns in errors are those of the line the text stands in.
    LogResult result =
        new LineParser(name, line, " ".repeat(Math.max(column - 1, 0)) + text).onlyResult();
    if (result == null) {
      throw new dev.cocovisor.api.log.LogSyntaxException(
          name, line, Math.max(column, 1), "'?'", "a result");
    }
    return result;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
