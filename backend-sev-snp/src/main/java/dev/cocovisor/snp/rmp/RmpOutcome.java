package dev.cocovisor.snp.rmp;

/**
 * What became of an instruction or an access, packed into a long so that the fault path allocates
 * nothing.
 *
 * <p>Zero is success. Bits 63:56 say what happened; the rest is EAX in 7:0 and CF in bit 8 for an
 * instruction that completed, the error code for a page fault, the exit code for #VC.
 */
public final class RmpOutcome {
  /** The access is allowed, or the instruction completed with EAX 0 and CF 0. */
  public static final long OK = 0;

  /** Carry flag of a completed instruction (PVALIDATE: the bit already had that value). */
  public static final long CF = 1L << 8;

  private static final long KIND_PF = 1L << 56;
  private static final long KIND_NPF = 2L << 56;
  private static final long KIND_VC = 3L << 56;
  private static final long KIND_GP = 4L << 56;
  private static final long KIND_UD = 5L << 56;
  private static final long KIND_VMEXIT_INVALID = 6L << 56;
  private static final long KIND_INTR = 7L << 56;
  private static final long KIND_MASK = 0xffL << 56;

  /** #VC exit code for an access to a page that the guest has not validated. */
  public static final long VC_PAGE_NOT_VALIDATED = 0x404;

  /** General protection fault. */
  public static final long GP = KIND_GP;

  /** Undefined opcode. */
  public static final long UD = KIND_UD;

  /** VMRUN ends at once with VMEXIT_INVALID. */
  public static final long VMEXIT_INVALID = KIND_VMEXIT_INVALID;

  /** VMRUN ends at once because the host has an interrupt. */
  public static final long INTERRUPTED = KIND_INTR;

  /** #VC for a page that is not validated. */
  public static final long NOT_VALIDATED = KIND_VC | VC_PAGE_NOT_VALIDATED;

  /** Error code: the translation was present. */
  public static final long PRESENT = 1;

  /** Error code: a write. */
  public static final long WRITE = 1L << 1;

  /** Error code: a user access; nested walks always count as user. */
  public static final long USER = 1L << 2;

  /** Error code: an instruction fetch. */
  public static final long FETCH = 1L << 4;

  /** Error code: the RMP check failed. */
  public static final long RMP = 1L << 31;

  /** Error code: the fault is on the final guest address (PFERR_GUEST_FINAL). */
  public static final long GUEST_FINAL = 1L << 32;

  /** Error code: the fault is on a guest page table (PFERR_GUEST_PAGE). */
  public static final long GUEST_PAGE = 1L << 33;

  /** Error code: the access had the C-bit set (PFERR_GUEST_ENC). */
  public static final long ENC = 1L << 34;

  /** Error code: page sizes differ (PFERR_GUEST_SIZEM). */
  public static final long SIZEM = 1L << 35;

  /** Error code: a VMPL permission is missing (PFERR_GUEST_VMPL). */
  public static final long VMPL = 1L << 36;

  /** Error code: supervisor shadow stack. */
  public static final long SSS = 1L << 37;

  private RmpOutcome() {}

  static long completed(int eax) {
    return eax;
  }

  static long pageFault(long errorCode) {
    return KIND_PF | errorCode;
  }

  static long nestedFault(long errorCode) {
    return KIND_NPF | errorCode;
  }

  /** Tells whether an instruction ran to its end, whatever it left in EAX. */
  public static boolean isCompleted(long outcome) {
    return (outcome & KIND_MASK) == 0;
  }

  /** Returns EAX of a completed instruction. */
  public static int eax(long outcome) {
    return (int) (outcome & 0xff);
  }

  /** Tells whether the carry flag is set. */
  public static boolean carry(long outcome) {
    return isCompleted(outcome) && (outcome & CF) != 0;
  }

  /** Tells whether the host takes a #PF. */
  public static boolean isPageFault(long outcome) {
    return (outcome & KIND_MASK) == KIND_PF;
  }

  /** Tells whether the guest leaves with #NPF. */
  public static boolean isNestedFault(long outcome) {
    return (outcome & KIND_MASK) == KIND_NPF;
  }

  /** Tells whether the guest takes #VC. */
  public static boolean isVc(long outcome) {
    return (outcome & KIND_MASK) == KIND_VC;
  }

  /** Returns the error code of a #PF or #NPF. */
  public static long errorCode(long outcome) {
    return outcome & ~KIND_MASK;
  }

  /** Describes an outcome in words, for messages and traces. */
  public static String describe(long outcome) {
    long kind = outcome & KIND_MASK;
    long rest = outcome & ~KIND_MASK;
    if (kind == 0) {
      return RmpCode.name(eax(outcome)) + (carry(outcome) ? " CF" : "");
    }
    if (kind == KIND_PF || kind == KIND_NPF) {
      return (kind == KIND_PF ? "#PF" : "#NPF") + bits(rest);
    }
    return kind == KIND_VC
        ? "#VC 0x" + Long.toHexString(rest)
        : kind == KIND_GP
            ? "#GP"
            : kind == KIND_UD ? "#UD" : kind == KIND_INTR ? "VMEXIT_INTR" : "VMEXIT_INVALID";
  }

  private static String bits(long e) {
    StringBuilder s = new StringBuilder();
    append(s, e, PRESENT, "P");
    append(s, e, WRITE, "W");
    append(s, e, USER, "U");
    append(s, e, FETCH, "I");
    append(s, e, RMP, "RMP");
    append(s, e, GUEST_FINAL, "FINAL");
    append(s, e, GUEST_PAGE, "TABLE");
    append(s, e, ENC, "ENC");
    append(s, e, SIZEM, "SIZEM");
    append(s, e, VMPL, "VMPL");
    append(s, e, SSS, "SSS");
    return s.toString();
  }

  private static void append(StringBuilder s, long e, long bit, String name) {
    if ((e & bit) != 0) {
      s.append(' ').append(name);
    }
  }
}
