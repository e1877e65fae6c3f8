package dev.cocovisor.api.guest;

/** What a hook on the access path decided. */
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
