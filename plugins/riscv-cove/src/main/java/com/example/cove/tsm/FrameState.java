package com.example.cove.tsm;

/** What the memory tracking table says of a frame. Source: CoVE, "HPA states". */
public enum FrameState {
  /** Not confidential: the host's. */
  VMM,
  /** On its way to confidential: already out of the host's reach, not yet free to assign. */
  CONVERTING,
  /** Confidential and nobody's. */
  UNASSIGNED,
  /** Confidential, the TSM's for one TVM: control structure, page table, vCPU state. */
  TSM,
  /** Confidential and mapped by one TVM. */
  TVM,
  /** Not confidential, mapped by TVMs and used by the host. */
  SHARED;

  /** Tells whether the host, its user space and devices are kept out. */
  public boolean confidential() {
    return this != VMM && this != SHARED;
  }
}
