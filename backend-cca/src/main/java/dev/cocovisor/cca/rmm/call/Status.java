package dev.cocovisor.cca.rmm.call;

/**
 * What an RMI call returns in x0: a status in bits 7:0 and an index in bits 15:8.
 *
 * <p>The index of {@link #ERROR_RTT} is the level at which the table walk ended (level -1 packs as
 * 0xff); that of {@link #ERROR_REALM} tells, for REC_ENTER, a realm that is new (0) from one that
 * is off (1).
 */
public final class Status {
  /** The command did what it was asked to. */
  public static final long SUCCESS = 0;

  /** An input value is not allowed. */
  public static final long ERROR_INPUT = 1;

  /** An attribute of the realm does not match. */
  public static final long ERROR_REALM = 2;

  /** An attribute of the REC does not match. */
  public static final long ERROR_REC = 3;

  /** The table walk ended early or at an entry of the wrong kind. */
  public static final long ERROR_RTT = 4;

  /** RMI 2.0: a configuration that this RMM does not offer. */
  public static final long ERROR_NOT_SUPPORTED = 5;

  /** RMI 2.0: as {@link #ERROR_RTT}, of an auxiliary tree. */
  public static final long ERROR_RTT_AUX = 7;

  /** RMI 2.0: somebody else is at it; try again. */
  public static final long BUSY = 0xa;

  /** RMI 2.0: the RMM as a whole is not in the right state, or has nothing left to give. */
  public static final long ERROR_GLOBAL = 0xb;

  /** RMI 2.0: the operation stopped half way; bits 9:8 say what it waits for. */
  public static final long INCOMPLETE = 0xd;

  /** RMI 2.0: every operation that can be open is; one has to be finished first. */
  public static final long BLOCKED = 0xe;

  /** RMI 2.0: the granule protection tables do not allow it. */
  public static final long ERROR_GPT = 0xf;

  /** {@link #INCOMPLETE}: waits for memory. */
  public static final long DONATE = INCOMPLETE | 1 << 8;

  /** {@link #INCOMPLETE}: has memory to give back. */
  public static final long RECLAIM = INCOMPLETE | 2 << 8;

  /** What an unknown function identifier returns (SMCCC). */
  public static final long UNKNOWN = -1;

  private static final String[] NAMES = {
    "SUCCESS",
    "ERROR_INPUT",
    "ERROR_REALM",
    "ERROR_REC",
    "ERROR_RTT",
    "ERROR_NOT_SUPPORTED",
    "ERROR_DEVICE",
    "ERROR_RTT_AUX",
    "ERROR_PSMMU_ST",
    "ERROR_DPT",
    "BUSY",
    "ERROR_GLOBAL",
    "ERROR_TRACKING",
    "INCOMPLETE",
    "BLOCKED",
    "ERROR_GPT",
    "ERROR_GRANULE"
  };

  private Status() {}

  /** Packs a status and its index. */
  public static long pack(long status, int index) {
    return status | (index & 0xffL) << 8;
  }

  /** Packs {@link #ERROR_RTT} at a level. */
  public static long rtt(int level) {
    return pack(ERROR_RTT, level);
  }

  /** Returns the status, without its index. */
  public static long code(long x0) {
    return x0 & 0xff;
  }

  /** Returns the index as a signed level or number. */
  public static int index(long x0) {
    return (byte) (x0 >>> 8);
  }

  /** Returns a status as a trace shows it: its name, its index where it has one, and the number. */
  public static String name(long x0) {
    if (x0 == SUCCESS) {
      return "RMI_SUCCESS";
    }
    if (x0 == UNKNOWN) {
      return "SMCCC_NOT_SUPPORTED (-1)";
    }
    int code = (int) code(x0);
    String name = code < NAMES.length ? "RMI_" + NAMES[code] : "unknown status";
    boolean indexed = code == ERROR_RTT || code == ERROR_RTT_AUX || code == ERROR_REALM;
    return name + (indexed ? "(" + index(x0) + ")" : "") + " (0x" + Long.toHexString(x0) + ")";
  }
}
