package dev.cocovisor.core.kernel;

/**
 * What pre-population does where the vCPU's root was thrown away meanwhile: each page tried under
 * it is stale, and only who frees the root can get on.
 */
public enum StaleRoots {
  /** Nobody frees it but a run of the guest: the loop ends with a signal, or never. */
  KEPT,

  /** It is freed before each page. */
  FREED
}
