package dev.cocovisor.script.scenario;

import dev.cocovisor.script.text.LogCall;

/** A line could not be carried to its end: something below threw. Its cause is what was thrown. */
public final class StepFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Creates the failure of a line. */
  public StepFailure(String file, LogCall call, Throwable cause) {
    super(file + ":" + call.line() + ": " + call + ": " + cause, cause);
  }
}
