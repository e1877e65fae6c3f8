package dev.cocovisor.host.guest;

import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;

/**
 * A guest's action did not complete: the run ended in another exit, in an error, or in a status
 * that told the guest of a failure.
 */
public final class GuestStopped extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient RunResult run;

  GuestStopped(int vcpu, GuestAction action, RunResult run) {
    super("vCPU " + vcpu + ": " + action + " did not complete: " + describe(run));
    this.run = run;
  }

  private static String describe(RunResult run) {
    Exit exit = run.exit();
    return (run.errno().ok() ? "" : run.errno() + " ") + exit.name() + " " + exit;
  }

  /** Returns how the run ended. */
  public RunResult run() {
    return run;
  }
}
