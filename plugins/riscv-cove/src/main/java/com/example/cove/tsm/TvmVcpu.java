package com.example.cove.tsm;

/** A virtual hart of a TVM: whether it runs, since which fence, and what it waits for. */
final class TvmVcpu {
  static final long OUT = -1;

  /** The TVM's fence version when it was entered; {@link #OUT} while it does not run. */
  long entered = OUT;

  // The range whose change of assignment it waits for: what lies before `blockedFrom` is done.
  // Source: CoVE, sbi_covg_share_memory_region: the calling vCPU is blocked until then.
  long blockedFrom;
  long blockedTo;
}
