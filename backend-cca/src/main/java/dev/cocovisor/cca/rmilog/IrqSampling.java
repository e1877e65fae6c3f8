package dev.cocovisor.cca.rmilog;

import dev.cocovisor.cca.rmm.call.Interrupts;
import dev.cocovisor.cca.rmm.call.Pe;

/** The sampling at which a log says that an interrupt is pending: the N-th of the next call. */
final class IrqSampling implements Interrupts {
  private static final long NONE = -1;

  private long planned = NONE;
  private long sampled;

  /** Plans an interrupt for the next call. */
  void at(long n) {
    planned = n;
    sampled = 0;
  }

  @Override
  public boolean pending(Pe pe) {
    if (planned == NONE || sampled++ != planned) {
      return false;
    }
    planned = NONE;
    return true;
  }

  /** Tells whether the call just made never came to the planned sampling. */
  boolean missed() {
    return planned != NONE;
  }

  /** Returns the sampling that was planned, and forgets it. */
  long planned() {
    long n = planned;
    planned = NONE;
    return n;
  }
}
