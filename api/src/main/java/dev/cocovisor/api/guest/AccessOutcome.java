package dev.cocovisor.api.guest;

import org.apiguardian.api.API;

/**
 * What a hook on the access path decided.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public enum AccessOutcome {
  /** The access goes through. */
  ALLOW,
  /** The vendor half mended something: walk again. */
  RETRY,
  /** The second stage lacks a translation: the core handles it as a fault, then walks again. */
  FAULT,
  /** The run ends with the exit that was set on the vCPU. */
  EXIT
}
