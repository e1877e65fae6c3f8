package dev.cocovisor.api.guest;

import org.apiguardian.api.API;

/**
 * What a guest does to a byte.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public enum Access {
  /** Load. */
  READ,
  /** Store. */
  WRITE,
  /** Instruction fetch. */
  FETCH
}
