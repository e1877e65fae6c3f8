package dev.cocovisor.vmm.checked;

import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.vmm.Outcome;

/** A guest's action did not do what was asked. */
public final class GuestStopped extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Outcome.Told told;

  GuestStopped(Outcome.Told told) {
    super("vCPU " + told.vcpu() + ": " + told.action() + " did not complete: " + told);
    this.told = told;
  }

  /** Returns how the run ended. */
  public RunResult run() {
    return told.run();
  }

  /** Returns what the guest was told. */
  public GuestAnswer answer() {
    return told.answer();
  }
}
