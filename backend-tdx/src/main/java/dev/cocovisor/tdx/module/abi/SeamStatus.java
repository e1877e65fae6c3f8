package dev.cocovisor.tdx.module.abi;

import org.jspecify.annotations.Nullable;

/**
 * Completion statuses of SEAMCALLs and TDCALLs: the one table of their numbers.
 *
 * <p>A status is 64 bits. Bit 63 tells an error, 62 a non-recoverable one, 61 a fatal one, 60 a
 * host-recoverability hint; bits 47:40 are the class, 39:32 the name within it, 31:0 the operand id
 * ({@link Operand}) or another detail. A status without bit 63 is not an error even if it is not
 * {@link #SUCCESS}.
 *
 * <p>Source: TDX module 1.5.01, {@code include/auto_gen/tdx_error_codes_defs.h}.
 */
public enum SeamStatus {
  /** Done. */
  SUCCESS(0x0000000000000000L),
  /** The vCPU can never run again. */
  NON_RECOVERABLE_VCPU(0x4000000100000000L),
  /** The TD can never run again. */
  NON_RECOVERABLE_TD(0x6000000200000000L),
  /** Interrupted; progress is kept, call again with the outputs. */
  INTERRUPTED_RESUMABLE(0x8000000300000000L),
  /** Interrupted; nothing changed, call again. */
  INTERRUPTED_RESTARTABLE(0x8000000400000000L),
  /** The TD's memory can no longer be read. */
  NON_RECOVERABLE_TD_NON_ACCESSIBLE(0x6000000500000000L),
  /** A resumption that does not match what was interrupted. */
  INVALID_RESUMPTION(0xC000000600000000L),
  /** The local APIC is off while stepping must be filtered. */
  WRONG_APIC_MODE(0xE000000700000000L),
  /** An operand is malformed. */
  OPERAND_INVALID(0xC000010000000000L),
  /** An address lies outside every TDMR. */
  OPERAND_ADDR_RANGE_ERROR(0xC000010100000000L),
  /** A lock could not be had. */
  OPERAND_BUSY(0x8000020000000000L),
  /** A vCPU of the epoch before is still in the guest. */
  PREVIOUS_TLB_EPOCH_BUSY(0x8000020100000000L),
  /** The module as a whole is busy. */
  SYS_BUSY(0x8000020200000000L),
  /** The random generator gave nothing. */
  RND_NO_ENTROPY(0x8000020300000000L),
  /** A guest found the host-priority mark on a lock. */
  OPERAND_BUSY_HOST_PRIORITY(0x8000020400000000L),
  /** A guest found it for too long. */
  HOST_PRIORITY_BUSY_TIMEOUT(0x9000020500000000L),
  /** The PAMT entry is not of the type or size wanted. */
  PAGE_METADATA_INCORRECT(0xC000030000000000L),
  /** The page was free already. */
  PAGE_ALREADY_FREE(0x0000030100000000L),
  /** The page belongs to another TD. */
  PAGE_NOT_OWNED_BY_TD(0xC000030200000000L),
  /** The page is in use. */
  PAGE_NOT_FREE(0xC000030300000000L),
  /** The 2 MiB are in use, or have their PAMT pages. Not in 1.5.01. */
  HPA_RANGE_NOT_FREE(0xC000030400000000L),
  /**
   * The 2 MiB around the page have no PAMT pages. Not in 1.5.01; its number was not found in a
   * public document and is this model's.
   */
  MISSING_PAMT_PAGE_PAIR(0xC000030500000000L),
  /** A TDR cannot be freed before the TD's other pages. */
  TD_ASSOCIATED_PAGES_EXIST(0xC000040000000000L),
  /** The module is not initialised. */
  SYS_NOT_READY(0xC000050500000000L),
  /** The module was shut down. */
  SYS_SHUTDOWN(0xC000050600000000L),
  /** The TD met a fatal error. */
  TD_FATAL(0xE000060400000000L),
  /** Only allowed on debuggable TDs. */
  TD_NON_DEBUG(0xC000060500000000L),
  /** The TD has too few TDCX pages. */
  TDCS_NOT_ALLOCATED(0xC000060600000000L),
  /** The TD's life-cycle state forbids the call. */
  LIFECYCLE_STATE_INCORRECT(0xC000060700000000L),
  /** The TD's operation state forbids the call. */
  OP_STATE_INCORRECT(0xC000060800000000L),
  /** The TD has no vCPU. */
  NO_VCPUS(0xC000060900000000L),
  /** Too few or too many TDCX pages. */
  TDCX_NUM_INCORRECT(0xC000061000000000L),
  /** The vCPU's state forbids the call. */
  VCPU_STATE_INCORRECT(0xC000070000000000L),
  /** The vCPU is associated with another processor. */
  VCPU_ASSOCIATED(0x8000070100000000L),
  /** The vCPU is not associated with this processor. */
  VCPU_NOT_ASSOCIATED(0x8000070200000000L),
  /** The TD has as many vCPUs as it may. */
  MAX_VCPUS_EXCEEDED(0xC000070500000000L),
  /** Time went backwards. */
  TSC_ROLLBACK(0xC000070600000000L),
  /** The key engine gave no key. */
  KEY_GENERATION_FAILED(0x8000080000000000L),
  /** The TD's keys are not configured. */
  TD_KEYS_NOT_CONFIGURED(0x8000081000000000L),
  /** The key's state forbids the call. */
  KEY_STATE_INCORRECT(0xC000081100000000L),
  /** The key was configured on this package already. */
  KEY_CONFIGURED(0x0000081500000000L),
  /** A package still has to write back its caches. */
  WBCACHE_NOT_COMPLETE(0x8000081700000000L),
  /** The HKID is in use. */
  HKID_NOT_FREE(0xC000082000000000L),
  /** No HKID waits for a cache write-back. */
  NO_HKID_READY_TO_WBCACHE(0x0000082100000000L),
  /** A write-back is resumed that was not interrupted. */
  WBCACHE_RESUME_ERROR(0xC000082300000000L),
  /** A vCPU was not flushed. */
  FLUSHVP_NOT_DONE(0x8000082400000000L),
  /** A model-specific register differs from what SYS.INIT sampled. */
  INCONSISTENT_MSR(0xC000092000000000L),
  /** The Secure-EPT walk did not reach the level asked for. */
  EPT_WALK_FAILED(0xC0000B0000000000L),
  /** 1.0 style: the entry is free. */
  EPT_ENTRY_FREE(0xC0000B0100000000L),
  /** 1.0 style: the entry is not free. */
  EPT_ENTRY_NOT_FREE(0xC0000B0200000000L),
  /** The entry maps no present page. */
  EPT_ENTRY_NOT_PRESENT(0xC0000B0300000000L),
  /** 1.0 style: the entry is no leaf. */
  EPT_ENTRY_NOT_LEAF(0xC0000B0400000000L),
  /** 1.0 style: the entry is a leaf. */
  EPT_ENTRY_LEAF(0xC0000B0500000000L),
  /** The TD may run and the entry is not blocked. */
  GPA_RANGE_NOT_BLOCKED(0xC0000B0600000000L),
  /** The entry is blocked already; not an error. */
  GPA_RANGE_ALREADY_BLOCKED(0x00000B0700000000L),
  /** Some processor may still hold a translation. */
  TLB_TRACKING_NOT_DONE(0xC0000B0800000000L),
  /** The 512 entries are not one uniform contiguous range. */
  EPT_INVALID_PROMOTE_CONDITIONS(0xC0000B0900000000L),
  /** The guest accepted the page before; not an error. */
  PAGE_ALREADY_ACCEPTED(0x00000B0A00000000L),
  /** The page is mapped at a smaller size. */
  PAGE_SIZE_MISMATCH(0xC0000B0B00000000L),
  /** 1.0 style: the range is blocked. */
  GPA_RANGE_BLOCKED(0xC0000B0C00000000L),
  /** The entry's state forbids the call. */
  EPT_ENTRY_STATE_INCORRECT(0xC0000B0D00000000L),
  /** The table still has entries in use. */
  EPT_PAGE_NOT_FREE(0xC0000B0E00000000L),
  /** As {@link #EPT_WALK_FAILED}, in a nested VM's table. */
  L2_SEPT_WALK_FAILED(0xC0000B0F00000000L),
  /** As {@link #EPT_ENTRY_NOT_FREE}, in a nested VM's table. */
  L2_SEPT_ENTRY_NOT_FREE(0xC0000B1000000000L),
  /** The page attributes asked for make no sense. */
  PAGE_ATTR_INVALID(0xC0000B1100000000L),
  /** A nested VM's table page is missing. */
  L2_SEPT_PAGE_NOT_PROVIDED(0xC0000B1200000000L),
  /** There is no such metadata field. */
  METADATA_FIELD_ID_INCORRECT(0xC0000C0000000000L),
  /** The metadata field cannot be read. */
  METADATA_FIELD_NOT_READABLE(0xC0000C0200000000L);

  /** Returned by VP.ENTER when the vCPU is inside the guest; no status has this value. */
  public static final long IN_GUEST = -1L;

  /** Selects what KVM compares: everything but the operand. */
  public static final long NAME_MASK = 0xFFFFFFFF00000000L;

  private final long code;

  SeamStatus(long code) {
    this.code = code;
  }

  /** Returns the number with no operand. */
  public long code() {
    return code;
  }

  /** Returns the number with an operand id or other detail in its low half. */
  public long with(int detail) {
    return code | Integer.toUnsignedLong(detail);
  }

  /** Tells whether a full status carries this name, whatever its operand. */
  public boolean is(long status) {
    return (status & NAME_MASK) == code;
  }

  /** Tells whether bit 63 marks the status as an error. */
  public static boolean isError(long status) {
    return status < 0;
  }

  /** Returns the name of a full status, or null if the table has none. */
  public static @Nullable SeamStatus of(long status) {
    for (SeamStatus s : values()) {
      if (s.is(status)) {
        return s;
      }
    }
    return null;
  }

  /** Returns a readable form, as {@code OPERAND_BUSY|146}. */
  public static String describe(long status) {
    SeamStatus name = of(status);
    if (name == null) {
      return hex(status);
    }
    int detail = (int) status;
    return detail == 0 ? name.name() : name.name() + "|" + Integer.toUnsignedString(detail);
  }

  /** Returns the number and the name, the number in hex first. */
  public static String inFull(long status) {
    return of(status) == null ? hex(status) : hex(status) + " " + describe(status);
  }

  private static String hex(long status) {
    return "0x" + Long.toHexString(status);
  }
}
