package dev.cocovisor.api.ops;

import org.apiguardian.api.API;

/**
 * Where the frames of private memory come from.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public enum PrivateSource {
  /** A guest_memfd bound to the slot; the VMM's own mapping is the shared half. */
  GUEST_MEMFD,
  /** The VMM's own mapping, each page pinned as long as the guest has it (pKVM). */
  USER_MEMORY
}
