package dev.cocovisor.api.sched;

/** What else than the order of steps is left open, and asked of an {@link Observer}. */
public enum Choice {
  /** Whether a signal is pending for the thread that makes a call: 0 no, 1 yes. */
  SIGNAL,
  /** Whether an allocation of memory fails: 0 no, 1 yes. */
  ALLOCATION,
  /** Whether a guest's vCPU is interrupted before it goes on: 0 no, 1 yes. */
  INTERRUPT
}
