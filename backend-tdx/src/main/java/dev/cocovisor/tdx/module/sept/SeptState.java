package dev.cocovisor.tdx.module.sept;

/**
 * States of a Secure-EPT entry, with the numbers they show outside and the bits that encode them.
 *
 * <p>The code is seven bits: D; TDEX, TDBW, TDB, TDP; IPAT, PS. Source: TDX module 1.5.01, {@code
 * sept_state_lookup.c}. The states of migration are in the table, so that it is whole; the calls
 * modelled here never make them.
 */
public enum SeptState {
  /** Nothing is here. */
  FREE(0, 0x0e, 0, 0, false),
  /** A migration import removed the page. */
  REMOVED(1, 0x0c, 5, 0, false),
  /** A table is linked. */
  NL_MAPPED(2, 0x00, 0x84, 7, true),
  /** A table is linked and blocked. */
  NL_BLOCKED(3, 0x08, 0x81, 0, true),
  /** A page the guest can use. */
  MAPPED(4, 0x60, 4, 7, true),
  /** A blocked page that was mapped. */
  BLOCKED(5, 0x68, 1, 0, true),
  /** A page blocked for writing. */
  BLOCKEDW(6, 0x64, 8, 5, true),
  /** An exported page blocked for writing. */
  EXPORTED_BLOCKEDW(7, 0x66, 9, 5, false),
  /** A page changed since its export. */
  EXPORTED_DIRTY(8, 0x63, 11, 7, true),
  /** A changed page blocked for writing again. */
  EXPORTED_DIRTY_BLOCKEDW(9, 0x67, 12, 5, true),
  /** A page the guest has yet to accept. */
  PENDING(10, 0x70, 2, 0, true),
  /** A blocked page that was pending. */
  PENDING_BLOCKED(11, 0x78, 3, 0, true),
  /** As {@link #BLOCKEDW}, pending. */
  PENDING_BLOCKEDW(12, 0x74, 16, 0, true),
  /** As {@link #EXPORTED_BLOCKEDW}, pending. */
  PENDING_EXPORTED_BLOCKEDW(13, 0x76, 17, 0, false),
  /** As {@link #EXPORTED_DIRTY}, pending. */
  PENDING_EXPORTED_DIRTY(14, 0x73, 19, 0, true),
  /** As {@link #EXPORTED_DIRTY_BLOCKEDW}, pending. */
  PENDING_EXPORTED_DIRTY_BLOCKEDW(15, 0x77, 20, 0, true);

  private static final SeptState[] BY_CODE = new SeptState[128];

  static {
    java.util.Arrays.fill(BY_CODE, FREE);
    for (SeptState s : values()) {
      BY_CODE[s.code] = s;
    }
  }

  private final int index;
  private final int code;
  private final int number;
  private final int rwx;
  private final boolean trackingRequired;

  SeptState(int index, int code, int number, int rwx, boolean trackingRequired) {
    this.index = index;
    this.code = code;
    this.number = number;
    this.rwx = rwx;
    this.trackingRequired = trackingRequired;
  }

  /** Returns the state an entry is in. */
  public static SeptState of(long entry) {
    return BY_CODE[SeptEntry.code(entry)];
  }

  /** Returns the seven-bit code. */
  public int code() {
    return code;
  }

  /** Returns the public number, as RDX bits 15:8 show it. */
  public int number() {
    return number;
  }

  /** Returns the permission bits an entry in this state has. */
  public int rwx() {
    return rwx;
  }

  /** Tells whether a running TD must be tracked before such an entry is taken away. */
  public boolean trackingRequired() {
    return trackingRequired;
  }

  /** Tells whether the entry maps a page. */
  public boolean leaf() {
    return (code & 0x40) != 0;
  }

  /** Tells whether the entry is a page the guest can use. */
  public boolean guestUsable() {
    return leaf() && rwx != 0;
  }

  /** Tells whether a RANGE.BLOCK took the entry away from the guest. */
  public boolean blocked() {
    return this == NL_BLOCKED || this == BLOCKED || this == PENDING_BLOCKED;
  }

  /** Returns the state a blocked entry had before the block; the same state where it is none. */
  public SeptState unblocked() {
    return switch (this) {
      case BLOCKED -> MAPPED;
      case PENDING_BLOCKED -> PENDING;
      case NL_BLOCKED -> NL_MAPPED;
      default -> this;
    };
  }

  /** Tells whether the guest may accept the page. */
  public boolean acceptable() {
    return this == PENDING || this == PENDING_EXPORTED_DIRTY;
  }

  /** Tells whether the guest has yet to accept the page, blocked or not. */
  public boolean pending() {
    // TDP, one of the state's own bits.
    return leaf() && (code & 0x10) != 0;
  }

  /** Returns the state as a bit of a set. */
  public int bit() {
    return 1 << index;
  }
}
