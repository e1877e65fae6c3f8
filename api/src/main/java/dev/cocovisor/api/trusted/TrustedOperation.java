package dev.cocovisor.api.trusted;

import org.apiguardian.api.API;

/**
 * What the vendor half asks its trusted half to do, in words every technology understands.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public enum TrustedOperation {
  /** Make a guest: take its root pages, keys, parameters. */
  CREATE,
  /** Make a vCPU. */
  VCPU,
  /** Take a page-table page. */
  LINK,
  /** Put initial contents into private memory, measured or not. */
  POPULATE,
  /** Map a guest page, or give it to the guest. */
  MAP,
  /** Take a guest page away. */
  UNMAP,
  /** Make small pages of a huge one. */
  SPLIT,
  /** Make a huge page of small ones. */
  MERGE,
  /** Change what a mapping allows, or make sure that no old translation is used. */
  TRACK,
  /** End the launch. */
  FINALIZE,
  /** Let a vCPU run. */
  ENTER,
  /** Take pages back from a guest that ends. */
  RECLAIM,
  /** Anything else. */
  OTHER
}
