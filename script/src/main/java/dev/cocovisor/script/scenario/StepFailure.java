package dev.cocovisor.script.scenario;

import dev.cocovisor.script.text.LogCall;

/** A line could not be carried to its end: something below threw. Its cause is what was thrown. */
public final class StepFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final String place;
  private final int line;

  /** Creates the failure of a line. */
  public StepFailure(String file, LogCall call, Throwable cause) {
    super(file + ":" + call.line() + ": " + call + ": " + cause, cause);
    this.place = file + ":" + call.line() + ": " + call;
    this.line = call.line();
  }

  /** Returns where it was: file, line, and the line itself. */
  public String place() {
    return place;
  }

  /** Returns the number of the line, from 1. */
  public int line() {
    return line;
  }
}
