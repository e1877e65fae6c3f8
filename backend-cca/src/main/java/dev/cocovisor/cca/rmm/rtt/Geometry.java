package dev.cocovisor.cca.rmm.rtt;

/**
 * The shape of a realm's IPA space: its width and the level and number of its root tables.
 *
 * <p>The lower half is protected (PAR), the upper half is shared with the host. A table has 512
 * entries, at level -1 sixteen; an entry of level L spans {@code 2^(12 + 9 * (3 - L))} bytes.
 *
 * @param ipaBits width of the space in bits
 * @param startLevel level of the root tables
 * @param roots number of concatenated root tables, 1 to 16
 * @param lpa2 whether descriptors carry 52-bit addresses
 */
public record Geometry(int ipaBits, int startLevel, int roots, boolean lpa2) {
  public static final int PAGE_LEVEL = 3;

  /** The lowest level at which a leaf may stand. */
  public static final int MIN_BLOCK_LEVEL = 1;

  public static final int ENTRIES = 512;

  private static final int STRIDE = 9;
  private static final int GRANULE_SHIFT = 12;
  private static final int MIN_IPA_BITS = 32;

  public static int shift(long level) {
    return GRANULE_SHIFT + STRIDE * (int) (PAGE_LEVEL - level);
  }

  public static long entrySize(int level) {
    return 1L << shift(level);
  }

  public static int entries(int level) {
    return level < 0 ? 16 : ENTRIES;
  }

  public static int index(long ipa, int level) {
    return (int) (ipa >>> shift(level)) & (entries(level) - 1);
  }

  /**
   * Tells whether a width and a start level can go together (AArch64.S2InconsistentSL): each level
   * resolves 9 bits, up to 16 root tables add 4, and level -1 exists only with LPA2.
   */
  // TF-RMM runtime/rmi/realm.c, validate_ipa_bits_and_sl and s2_inconsistent_sl.
  public static boolean consistent(int ipaBits, long startLevel, boolean lpa2) {
    int widest = lpa2 ? 52 : 48;
    if (ipaBits < MIN_IPA_BITS || ipaBits > widest) {
      return false;
    }
    if (startLevel < (lpa2 ? -1 : 0) || startLevel > PAGE_LEVEL) {
      return false;
    }
    int min = shift(startLevel) + 1;
    boolean concatenates = startLevel > 0 || (startLevel == 0 && lpa2);
    int max = startLevel < 0 ? min + 3 : min + STRIDE - 1 + (concatenates ? 4 : 0);
    return ipaBits >= min && ipaBits <= max;
  }

  public static int rootsFor(int ipaBits, long startLevel) {
    int single = shift(startLevel) + STRIDE;
    return ipaBits <= single ? 1 : 1 << (ipaBits - single);
  }

  public boolean inSpace(long ipa) {
    return ipa >>> ipaBits == 0;
  }

  /** Tells whether an address is in the protected half. */
  public boolean isProtected(long ipa) {
    return ipa >>> (ipaBits - 1) == 0;
  }

  /** Returns the end of the protected half. */
  public long protectedEnd() {
    return 1L << (ipaBits - 1);
  }

  /** Returns which of the concatenated root tables holds an address. */
  public int rootOf(long ipa) {
    return startLevel < 0 ? 0 : (int) (ipa >>> shift(startLevel)) >>> STRIDE;
  }

  /** Tells whether an address is in the space and aligned to a level's entries. */
  // TF-RMM runtime/rmi/rtt.c, validate_map_addr.
  public boolean mappable(long ipa, long level) {
    return inSpace(ipa) && (ipa & (1L << shift(level)) - 1) == 0;
  }

  /** Tells whether a table may be made, folded or destroyed here: never a root. */
  // TF-RMM runtime/rmi/rtt.c, validate_rtt_structure_cmds.
  public boolean structural(long ipa, long level) {
    return level >= startLevel + 1 && level <= PAGE_LEVEL && mappable(ipa, level - 1);
  }
}
