package dev.cocovisor.script.scenario;

import dev.cocovisor.core.vm.NoProgress;

/** A guest went round without getting on until the budget of retries was used up. */
public final class Standstill extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Creates it from what the core saw. */
  public Standstill(NoProgress stuck) {
    super(
        "no progress: "
            + stuck
            + "; a real vCPU would go on until a signal (the budget is core.retries)");
  }
}
