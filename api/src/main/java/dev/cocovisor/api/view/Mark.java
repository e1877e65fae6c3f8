package dev.cocovisor.api.view;

import org.apiguardian.api.API;

/**
 * What else is to be said of a page besides who has it.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public enum Mark {
  /** A second stage or the trusted half's table leads to its frame. */
  MAPPED,
  /** The guest accepted it. */
  ACCEPTED,
  /** The guest has yet to accept it. */
  PENDING,
  /** It is on its way out of the trusted half's table. */
  BLOCKED,
  /** Its initial contents are in the launch measurement. */
  MEASURED,
  /** It is in the log of dirty pages. */
  DIRTY,
  /** Its frame is pinned. */
  PINNED,
  /** A vCPU has a translation of it. */
  CACHED
}
