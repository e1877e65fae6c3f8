package dev.cocovisor.api.sched;

import org.apiguardian.api.API;

/**
 * What is about to happen at a {@link SchedulePoint}.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public enum PointKind {
  /** A lock is about to be taken. */
  LOCK,
  /** A lock was found taken; nothing can go on here until another runs. */
  LOCK_BUSY,
  /** A lock was just given up. */
  UNLOCK,
  /** A try-lock of a trusted half is about to be tried. */
  TRY_LOCK,
  /** A page-table entry is about to be compared and swapped. */
  SPTE_CAS,
  /** The invalidation sequence count is about to be read. */
  SEQUENCE_READ,
  /** A call into a trusted half (SEAMCALL, RMI, RMPUPDATE, HVC) is about to be made. */
  TRUSTED_CALL
}
