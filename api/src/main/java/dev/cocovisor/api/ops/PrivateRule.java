package dev.cocovisor.api.ops;

/** What makes a guest access private. */
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
