package dev.cocovisor.snp.psp;

/** The life of an SNP guest context, in the firmware's numbering. */
public enum GuestState {
  /** Created, nothing more. */
  INIT,
  /** Pages are being added and measured. */
  LAUNCH,
  /** Launched. */
  RUNNING
}
