package dev.cocovisor.snp.rmp;

/**
 * What the RMP instructions leave in EAX: one table for all of them.
 *
 * <p>Source: the return tables of Microsoft's compiler intrinsics (__rmpupdate, __psmash,
 * __pvalidate, __rmpadjust, __rmpquery, __rmpread); 3 and 4 also {@code
 * arch/x86/include/asm/sev-common.h} (PSMASH_FAIL_INUSE, RMPUPDATE_FAIL_OVERLAP).
 */
public final class RmpCode {
  /** Done. */
  public static final int OK = 0;

  /** An operand is misaligned, reserved, or names a page outside the table. */
  public static final int FAIL_INPUT = 1;

  /** Not allowed: run in a guest, an immutable page, or a privilege level too low. */
  public static final int FAIL_PERMISSION = 2;

  /** The entry is being changed by another processor, or a VMRUN uses the page. */
  public static final int FAIL_INUSE = 3;

  /** The request and an existing entry cover each other with different sizes. */
  public static final int FAIL_OVERLAP = 4;

  /** The guest named 2 MiB where the RMP or the nested table has 4 KiB. */
  public static final int FAIL_SIZEMISMATCH = 6;

  /** PSMASH of a page that is no assigned 2 MiB entry, by the compiler vendor's table. */
  public static final int FAIL_NOT_2M = 7;

  private RmpCode() {}

  /** Names a code, for messages. */
  public static String name(int code) {
    return switch (code) {
      case OK -> "OK";
      case FAIL_INPUT -> "FAIL_INPUT";
      case FAIL_PERMISSION -> "FAIL_PERMISSION";
      case FAIL_INUSE -> "FAIL_INUSE";
      case FAIL_OVERLAP -> "FAIL_OVERLAP";
      case FAIL_SIZEMISMATCH -> "FAIL_SIZEMISMATCH";
      case FAIL_NOT_2M -> "FAIL_NOT_2M";
      default -> "code " + code;
    };
  }
}
