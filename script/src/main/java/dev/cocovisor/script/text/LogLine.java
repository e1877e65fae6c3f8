package dev.cocovisor.script.text;

/** One line of a call log. */
public sealed interface LogLine permits LogCall, LogLine.Remark, LogLine.ProgramStart {
  /** Returns the 1-based line number, 0 if the line was never in a file. */
  int line();

  /**
   * A comment, a blank line, or one of strace's remarks between calls.
   *
   * @param line 1-based
   * @param text as written
   */
  record Remark(int line, String text) implements LogLine {}

  /**
   * {@code # program N}: everything before it is closed and forgotten.
   *
   * @param line 1-based
   * @param number N
   * @param text the whole line as written
   */
  record ProgramStart(int line, int number, String text) implements LogLine {}
}
