package dev.cocovisor.pkvm.guest;

/**
 * Answers of the SMC calling convention: a small negative number refuses, everything else is a
 * result, such as a version, a size, or a word of an identity whose top bit is set.
 *
 * <p>Source: Arm DEN0028 (SMCCC) section 7.1, return codes; Arm DEN0022 (PSCI) section 5.2.2, error
 * codes; {@code include/linux/arm-smccc.h}, {@code include/uapi/linux/psci.h}.
 */
public final class Smccc {
  private static final String[] SMCCC = {
    "SUCCESS", "NOT_SUPPORTED", "NOT_REQUIRED", "INVALID_PARAMETER"
  };
  private static final String[] PSCI = {
    "SUCCESS",
    "NOT_SUPPORTED",
    "INVALID_PARAMETERS",
    "DENIED",
    "ALREADY_ON",
    "ON_PENDING",
    "INTERNAL_FAILURE",
    "NOT_PRESENT",
    "DISABLED",
    "INVALID_ADDRESS"
  };

  /** No convention has a code below this one. */
  private static final long LOWEST = -15;

  private static final long WIDE = 1L << 30;
  private static final long OWNER_AND_NUMBER = 0x3f00_ffffL;
  private static final long PSCI_FIRST = 0x0400_0000L;
  private static final long PSCI_LAST = 0x0400_001fL;

  private Smccc() {}

  /**
   * Returns the code with which a function refused, or 0 if it answered a result.
   *
   * @param fn function id; its bit 30 says whether the answer is 64 or 32 bits wide
   * @param x0 the register
   */
  public static long refusal(long fn, long x0) {
    long answer = (fn & WIDE) != 0 ? x0 : (int) x0;
    return answer < 0 && answer >= LOWEST ? answer : 0;
  }

  /** Names what {@link #refusal} returned; the number where no convention names it. */
  public static String nameOf(long fn, long refusal) {
    long function = fn & OWNER_AND_NUMBER;
    String[] names = function >= PSCI_FIRST && function <= PSCI_LAST ? PSCI : SMCCC;
    return -refusal < names.length ? names[(int) -refusal] : Long.toString(refusal);
  }
}
