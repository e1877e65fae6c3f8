package dev.cocovisor.api.sched;

import org.apiguardian.api.API;

/**
 * What is about to happen at a {@link SchedulePoint}.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public enum PointKind {
  /** A lock is about to be taken, shared ({@link Mode#READ}) or exclusively. */
  LOCK,
  /** A lock is about to be taken if it is free. */
  TRY_LOCK,
  /** A lock, a reader's section or a guest's stay in the guest was just given up. */
  UNLOCK,
  /**
   * What the actor needs is not so yet; it can go on only after another has changed this place, and
   * then looks again.
   */
  WAIT,
  /**
   * What the actor did is void because another was faster; it begins again. Nothing forbids it to
   * go on at once, but it may find the same again.
   */
  RETRY,
  /** A reader's section under SRCU begins, or its end is waited for. */
  SRCU,
  /** A reference is about to be taken or given up. */
  REFERENCE,
  /** The invalidation sequence is about to be read or moved. */
  SEQUENCE,
  /** The set of memory slots is about to be read or replaced. */
  SLOTS,
  /** A guest page's attribute is about to be read or changed. */
  ATTRIBUTE,
  /** A file's page is about to be looked up, put in or taken out. */
  FOLIO,
  /** An entry of the second stage is about to be read or changed. */
  SPTE,
  /**
   * An entry of a process's page table, or its list of mappings, is about to be read or changed.
   */
  PTE,
  /** A bit of a dirty log is about to be set or taken. */
  DIRTY,
  /** A request to a vCPU is about to be made or looked for; where it runs changes. */
  REQUEST,
  /** Cached translations are about to be dropped. */
  FLUSH,
  /** A byte of guest memory is about to be read or written, by the guest or by the kernel. */
  GUEST_BYTE,
  /** A frame is about to be taken from the allocator or given back. */
  FRAME,
  /** A call into a trusted half (SEAMCALL, RMI, RMPUPDATE, HVC) is about to be made. */
  TRUSTED_CALL,
  /** A word of a trusted half is about to be read, or compared and swapped. */
  TRUSTED_WORD;

  /** Tells whether the step gives something up, which is done even by an abandoned actor. */
  public boolean isRelease() {
    return this == UNLOCK;
  }
}
