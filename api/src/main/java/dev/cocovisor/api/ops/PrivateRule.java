package dev.cocovisor.api.ops;

import org.apiguardian.api.API;

/**
 * What makes a guest access private.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public enum PrivateRule {
  /** The memory attribute of the gfn (SW-protected VMs; default VMs are never private). */
  ATTRIBUTE,
  /** The absence of the shared bit in the address (TDX, CCA). */
  SHARED_BIT,
  /** The encryption bit of the access (SEV-SNP, reported as PFERR_GUEST_ENC). */
  ENCRYPTION_BIT,
  /** Every access (pKVM's protected guests). */
  ALWAYS,
  /** None. */
  NEVER
}
