package dev.cocovisor.tdx.module.sept;

import dev.cocovisor.api.PageLevel;

/**
 * Secure-EPT entries as 64-bit values, bit for bit as the module keeps them in memory.
 *
 * <p>R0 W1 X2, memory type 5:3, IPAT 6, PS 7 (set in every leaf, 4 KiB ones too), D 9, the entry
 * lock 11, HPA 51:12, host priority 52, TDEX 53, TDBW 54, TDB 55, TDP 56, suppress-#VE 63. A 2 MiB
 * entry that is being accepted keeps the number of 4 KiB pages done in bits 20:12.
 */
public final class SeptEntry {
  /** What a fresh table is filled with: free, suppress #VE. */
  public static final long FREE = 1L << 63 | codeBits(0x0e);

  /** Suppress #VE. */
  public static final long SVE = 1L << 63;

  /** The lock. */
  public static final long LOCK = 1L << 11;

  /** A host failed to take the lock: guests stand back. */
  public static final long HOST_PRIORITY = 1L << 52;

  /** The address. */
  public static final long HPA_MASK = 0x000ffffffffff000L;

  /** How many 4 KiB pages of a 2 MiB one are accepted. */
  public static final long COUNTER_MASK = 0x1ff000L;

  /** One accepted page. */
  public static final long COUNTER_ONE = 0x1000L;

  private static final long MEMORY_TYPE_WB = 6L << 3;
  private static final long CODE_BITS = codeBits(0x7f);

  private SeptEntry() {}

  private static long codeBits(int code) {
    return (code & 1L) << 9 | (code & 0x1eL) << 52 | (code & 0x60L) << 1;
  }

  /** Returns the seven bits that encode the state. */
  public static int code(long e) {
    return (int) ((e >>> 9 & 1) | (e >>> 52 & 0x1e) | (e >>> 1 & 0x60));
  }

  /** Makes a leaf in a state, unlocked. */
  public static long leaf(SeptState state, long hpa) {
    return SVE | MEMORY_TYPE_WB | codeBits(state.code()) | state.rwx() | hpa;
  }

  /** Makes a link to a table, unlocked. */
  public static long table(long hpa) {
    return SVE | SeptState.NL_MAPPED.rwx() | hpa;
  }

  /** Changes state and permissions and keeps the rest, the lock too. */
  public static long withState(long e, SeptState state) {
    return (e & ~(CODE_BITS | 7)) | codeBits(state.code()) | state.rwx();
  }

  /** Returns the permissions. */
  public static long rwx(long e) {
    return e & 7;
  }

  /** Tells whether an entry maps a page. */
  public static boolean isLeaf(long e) {
    return (e & 0x80) != 0;
  }

  /** Tells whether nothing is here. */
  public static boolean isFree(long e) {
    return code(e) == SeptState.FREE.code();
  }

  /** Returns the page or table address; {@code level} 0 is 4 KiB. */
  public static long hpa(long e, int level) {
    long hpa = e & HPA_MASK;
    return isLeaf(e) ? hpa & -(4096L << (9 * level)) : hpa;
  }

  /** Returns how far an interrupted accept of a 2 MiB page came. */
  public static int acceptCounter(long e, int level) {
    return level == 1 && SeptState.of(e).acceptable()
        ? (int) (e >>> PageLevel.PAGE_SHIFT & 0x1ff)
        : 0;
  }

  /** Forgets how far an accept had come. */
  public static long withoutCounter(long e, int level) {
    return level == 1 && isLeaf(e) ? e & ~COUNTER_MASK : e;
  }

  /**
   * Returns what the host sees in RCX: a table only by its permissions, a free entry only by its
   * suppress-#VE bit, a leaf without state and lock bits.
   */
  public static long architectural(long e) {
    if (isLeaf(e)) {
      return e & (SVE | HPA_MASK | 0xff);
    }
    SeptState s = SeptState.of(e);
    return s == SeptState.NL_MAPPED || s == SeptState.NL_BLOCKED ? rwx(e) : SVE;
  }

  /** Returns what the host sees in RDX: level 2:0, state 15:8. */
  public static long info(long e, int level) {
    return level | (long) SeptState.of(e).number() << 8;
  }
}
