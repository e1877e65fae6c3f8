package dev.cocovisor.script.text;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One call as written: name, arguments and, unless it was left out, the result.
 *
 * @param line 1-based line number, 0 if the call was never in a file; no part of its identity
 * @param name the call's name
 * @param args its arguments
 * @param columns the 1-based column of the name and of each argument; no part of its identity
 * @param result what it returned, or null if the line does not say
 * @param comment what stands behind {@code #} at the end of the line, else empty
 */
public record LogCall(
    int line,
    String name,
    List<Value> args,
    List<Integer> columns,
    @Nullable LogResult result,
    String comment)
    implements LogLine {

  /** A call that was never in a file. */
  public static LogCall of(String name, List<Value> args) {
    return new LogCall(0, name, List.copyOf(args), List.of(), null, "");
  }

  /** The same call with another result. */
  public LogCall withResult(@Nullable LogResult other) {
    return new LogCall(line, name, args, columns, other, comment);
  }

  /** The same call with other arguments. */
  public LogCall withArgs(List<Value> other) {
    return new LogCall(line, name, other, columns, result, comment);
  }

  /** Returns the column of an argument, or of the name for -1; 1 if it is not known. */
  public int columnOf(int arg) {
    return arg + 1 < columns.size() ? columns.get(arg + 1) : 1;
  }

  @Override
  public boolean equals(@Nullable Object o) {
    return o instanceof LogCall c
        && c.name.equals(name)
        && c.args.equals(args)
        && java.util.Objects.equals(c.result, result)
        && c.comment.equals(comment);
  }

  @Override
  public int hashCode() {
    return name.hashCode() * 31 + args.hashCode();
  }

  /** Returns the line as the writer prints it. */
  @Override
  public String toString() {
    return LogWriter.line(this);
  }
}
