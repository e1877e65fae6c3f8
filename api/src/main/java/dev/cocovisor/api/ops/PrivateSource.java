package dev.cocovisor.api.ops;

/** Where the frames of private memory come from. */
public enum PrivateSource {
  /** A guest_memfd bound to the slot; the VMM's own mapping is the shared half. */
  GUEST_MEMFD,
  /** The VMM's own mapping, each page pinned as long as the guest has it (pKVM). */
  USER_MEMORY
}
