package com.example.cove.tsm;

/** What the memory tracking table says of a frame. Source: CoVE, "HPA states". */
public enum FrameState {
  /** Not confidential: the host's. */
  VMM(0),
  /** On its way to confidential: already out of the host's reach, not yet free to assign. */
  CONVERTING(1),
  /** Confidential and nobody's. */
  UNASSIGNED(2),
  /** Confidential, the TSM's for one TVM: control structure, page table, vCPU state. */
  TSM(3),
  /** Confidential and mapped by one TVM. */
  TVM(4),
  /** Not confidential, mapped by TVMs and used by the host. */
  SHARED(5);

  private final int code;

  FrameState(int code) {
    this.code = code;
  }

  /** Returns the state as an entry of the table holds it; states are in this order. */
  int code() {
    return code;
  }

  /** Tells whether the host, its user space and devices are kept out. */
  public boolean confidential() {
    return this != VMM && this != SHARED;
  }
}
