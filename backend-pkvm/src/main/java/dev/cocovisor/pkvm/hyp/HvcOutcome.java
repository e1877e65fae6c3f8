package dev.cocovisor.pkvm.hyp;

/** What became of a guest's hypercall at EL2. */
public enum HvcOutcome {
  /** Answered; x0 is set. */
  DONE,
  /** The host gets a made-up write abort; the guest issues the call again afterwards. */
  FAULT,
  /** The host answers it. */
  TO_HOST
}
