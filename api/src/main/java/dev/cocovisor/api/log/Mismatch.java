package dev.cocovisor.api.log;

import org.apiguardian.api.API;

/**
 * One recorded answer that the model did not give.
 *
 * @param log the log's name
 * @param line the 1-based line number
 * @param program the program's number
 * @param call the call as written, without its result
 * @param expected what the log says
 * @param got what the model answered
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record Mismatch(
    String log, int line, int program, String call, String expected, String got) {
  /** Takes the parts by their place, which may become more: build one by {@link #in} instead. */
  @API(status = API.Status.INTERNAL, since = "0.2")
  public Mismatch {}

  /** Starts with where it is: the log's name and the 1-based line. */
  public static Mismatch in(String log, int line) {
    return new Mismatch(log, line, 0, "", "", "");
  }

  /** Returns a copy that says in which program it is. */
  public Mismatch withProgram(int number) {
    return new Mismatch(log, line, number, call, expected, got);
  }

  /** Returns a copy that says which call it was, as written, without its result. */
  public Mismatch withCall(String written) {
    return new Mismatch(log, line, program, written, expected, got);
  }

  /** Returns a copy with what the log says and what the model answered. */
  public Mismatch withAnswers(String recorded, String answered) {
    return new Mismatch(log, line, program, call, recorded, answered);
  }
}
