package dev.cocovisor.cca.rmm.rtt;

/**
 * One translation table entry in 64 bits: its kind in bits 63:60, below it the output address or,
 * for memory shared with the host, the descriptor as the host gave it.
 *
 * <p>The kinds are the pairs of HIPAS (what the host did) and RIPAS (what the realm expects) that
 * the specification allows. The numbers are chosen so that zero is UNASSIGNED with RIPAS EMPTY, bit
 * 2 tells an assigned entry and bits 1:0 are the RIPAS of a protected one.
 */
public final class Rtte {
  public static final int UNASSIGNED_EMPTY = 0;
  public static final int UNASSIGNED_RAM = 1;
  public static final int UNASSIGNED_DESTROYED = 2;
  public static final int UNASSIGNED_NS = 3;
  public static final int ASSIGNED_EMPTY = 4;
  public static final int ASSIGNED_RAM = 5;
  public static final int ASSIGNED_DESTROYED = 6;
  public static final int ASSIGNED_NS = 7;
  public static final int TABLE = 8;

  public static final int RIPAS_EMPTY = 0;
  public static final int RIPAS_RAM = 1;
  public static final int RIPAS_DESTROYED = 2;

  public static final int HIPAS_UNASSIGNED = 0;
  public static final int HIPAS_ASSIGNED = 1;
  public static final int HIPAS_TABLE = 2;

  private static final int KIND_SHIFT = 60;
  private static final long PAYLOAD = (1L << KIND_SHIFT) - 1;
  private static final long NS_ATTRIBUTES = 0x1cL | 0xc0L;
  private static final long READ = 0x40L;
  private static final long WRITE = 0x80L;
  private static final long MEMATTR = 0x1cL;
  private static final long MEMATTR_RESERVED = 0x10L;
  private static final long LPA2_LOW_BITS = 0x300L;

  private Rtte() {}

  public static long of(int kind, long payload) {
    return (long) kind << KIND_SHIFT | payload;
  }

  public static long of(int kind) {
    return (long) kind << KIND_SHIFT;
  }

  public static int kind(long e) {
    return (int) (e >>> KIND_SHIFT);
  }

  /** Returns the output address, or an NS descriptor with its attributes. */
  public static long payload(long e) {
    return e & PAYLOAD;
  }

  /** Tells whether an entry counts for {@code top}: it has an output address. */
  public static boolean isLive(long e) {
    return kind(e) >= ASSIGNED_EMPTY;
  }

  public static boolean isTable(long e) {
    return kind(e) == TABLE;
  }

  public static boolean isUnassigned(long e) {
    return kind(e) < ASSIGNED_EMPTY;
  }

  /** Tells whether an entry is assigned memory of the realm. */
  public static boolean isAssigned(long e) {
    int k = kind(e);
    return k >= ASSIGNED_EMPTY && k <= ASSIGNED_DESTROYED;
  }

  /** Tells whether an entry has a RIPAS: it is protected and no table. */
  public static boolean hasRipas(long e) {
    int k = kind(e);
    return k != UNASSIGNED_NS && k != ASSIGNED_NS && k != TABLE;
  }

  /** Returns the RIPAS of an entry that has one. */
  public static int ripas(long e) {
    return kind(e) & 3;
  }

  /** Returns the same entry with another RIPAS. */
  public static long withRipas(long e, int ripas) {
    return of((kind(e) & ~3) | ripas, payload(e));
  }

  /** Returns the entry without its output address after a DATA granule was taken away. */
  public static long unassigned(long e) {
    return of(ripas(e) == RIPAS_EMPTY ? UNASSIGNED_EMPTY : UNASSIGNED_DESTROYED);
  }

  public static int hipas(long e) {
    return isTable(e) ? HIPAS_TABLE : isLive(e) ? HIPAS_ASSIGNED : HIPAS_UNASSIGNED;
  }

  /**
   * Tells whether a host may give this descriptor: a level-aligned address, memory attributes other
   * than the reserved value, and access permissions.
   */
  // TF-RMM lib/s2tt/src/s2tt.c, host_ns_s2tte_is_valid.
  public static boolean isHostDescriptor(long desc, int level, boolean lpa2) {
    long address = (1L << 48) - Geometry.entrySize(level);
    if (lpa2) {
      address |= 3L << 48 | LPA2_LOW_BITS;
    }
    return (desc & ~(address | NS_ATTRIBUTES)) == 0 && (desc & MEMATTR) != MEMATTR_RESERVED;
  }

  /** Returns the attribute bits of a host's descriptor. */
  public static long attributes(long memattr, boolean readable, boolean writable) {
    return memattr << 2 | (readable ? READ : 0) | (writable ? WRITE : 0);
  }

  /** Returns a host's descriptor of an address with attributes; LPA2 moves bits 51:50 to 9:8. */
  public static long hostDescriptor(long address, boolean lpa2) {
    long high = address & 3L << 50;
    return lpa2 ? (address & ~high) | (high >>> 42) : address;
  }

  /** Returns the address in a host's descriptor; with LPA2 its bits 51:50 stand at 9:8. */
  public static long sharedAddress(long e, int level, boolean lpa2) {
    long desc = payload(e);
    long address = desc & ((1L << (lpa2 ? 50 : 48)) - Geometry.entrySize(level));
    return lpa2 ? address | (desc & LPA2_LOW_BITS) << 42 : address;
  }

  /** Tells whether the host's access permissions (S2AP) of a shared entry let an access through. */
  public static boolean hostAllows(long e, boolean write) {
    return (e & (write ? WRITE : READ)) != 0;
  }
}
