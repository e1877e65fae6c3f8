package dev.cocovisor.api.view;

import org.apiguardian.api.API;

/**
 * What an entry of a trusted half's table means, whatever the technology calls it.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public enum EntryKind {
  /** Nothing is there, but it is said what a page would be. */
  EMPTY,
  /** A guest's own page, ready to be used. */
  PRIVATE,
  /** A guest's page that the guest has not accepted yet. */
  PENDING,
  /** A guest's page that is on its way out: no new translation is made of it. */
  BLOCKED,
  /** A page that guest and host both reach. */
  SHARED,
  /** A page that the trusted half keeps for itself: tables, descriptors, save areas. */
  CONTROL,
  /** A page whose contents are lost. */
  LOST
}
