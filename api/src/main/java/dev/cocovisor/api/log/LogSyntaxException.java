package dev.cocovisor.api.log;

import org.apiguardian.api.API;

/**
 * A log breaks its grammar: says where, what stands there and what was expected.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public final class LogSyntaxException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the error; its message reads {@code file:line:column: what, expected what}.
   *
   * @param line 1-based
   * @param column 1-based
   */
  public LogSyntaxException(String file, int line, int column, String found, String expected) {
    this(file, line, column, found + ", expected " + expected);
  }

  /**
   * Creates the error; its message reads {@code file:line:column: wrong}.
   *
   * @param line 1-based
   * @param column 1-based
   * @param wrong what is wrong and what was meant
   */
  public LogSyntaxException(String file, int line, int column, String wrong) {
    super(file + ":" + line + ":" + column + ": " + wrong);
  }
}
