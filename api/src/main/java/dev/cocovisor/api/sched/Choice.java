package dev.cocovisor.api.sched;

import org.apiguardian.api.API;

/**
 * What else than the order of steps is left open, and asked of an {@link Observer}.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public enum Choice {
  /** Whether a signal is pending for the thread that makes a call: 0 no, 1 yes. */
  SIGNAL,
  /** Whether an allocation of memory fails: 0 no, 1 yes. */
  ALLOCATION,
  /**
   * What a call into a trusted half answers: 0 whatever comes of it, else one of the ways in which
   * it can fail, in the order of {@link dev.cocovisor.api.trusted.TrustedFault.How}.
   */
  FIRMWARE,
  /** Whether a guest's vCPU is interrupted before it goes on: 0 no, 1 yes. */
  INTERRUPT
}
