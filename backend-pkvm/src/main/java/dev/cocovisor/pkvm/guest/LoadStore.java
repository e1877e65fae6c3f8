package dev.cocovisor.pkvm.guest;

import dev.cocovisor.api.guest.GuestAction;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A load, store, jump or cache operation by a guest, other than of one plain byte.
 *
 * <p>What matters to the host is how many bytes, and whether the processor tells the instruction's
 * registers with the fault (the syndrome's ISV bit): a store that it can emulate by one register
 * leaves as MMIO, any other cannot.
 *
 * @param kind the instruction
 * @param gpa guest-physical address in bytes
 */
public record LoadStore(Kind kind, long gpa) {
  /** Instructions, by their names in logs after {@code guest_}, in lower case. */
  public enum Kind {
    /** LDRH. */
    READ2(2, false, true),
    /** LDR of 32 bits. */
    READ4(4, false, true),
    /** LDR of 64 bits. */
    READ8(8, false, true),
    /** STRH. */
    WRITE2(2, true, true),
    /** STR of 32 bits. */
    WRITE4(4, true, true),
    /** STR of 64 bits. */
    WRITE8(8, true, true),
    /** LDRB that also changes its address register. */
    READ1_POST(1, false, false),
    /** LDP of two 64-bit registers. */
    LDP(16, false, false),
    /** STP of two 64-bit registers. */
    STP(16, true, false),
    /** LDXRB. */
    LDXRB(1, false, false),
    /** DC ZVA: zeroes the 64 bytes around the address. */
    DC_ZVA(64, true, false),
    /** DC CIVAC: cleans a line; touches no memory on the recorded, emulated machine. */
    DC_CIVAC(1, true, false),
    /** A jump. */
    EXEC(4, false, false);

    private final int bytes;
    private final boolean stores;
    private final boolean hasSyndrome;

    Kind(int bytes, boolean stores, boolean hasSyndrome) {
      this.bytes = bytes;
      this.stores = stores;
      this.hasSyndrome = hasSyndrome;
    }

    /** Returns how many bytes are touched. */
    public int bytes() {
      return bytes;
    }

    /** Tells whether it faults as a store. */
    public boolean stores() {
      return stores;
    }

    /** Tells whether a fault says which register is meant. */
    public boolean hasSyndrome() {
      return hasSyndrome;
    }
  }

  private static final long ZVA_BLOCK = 64;

  /** Reads an action; null if it is none of these. */
  public static @Nullable LoadStore of(GuestAction.Vendor action) {
    for (Kind k : Kind.values()) {
      if (k.name().toLowerCase(Locale.ROOT).equals(action.name())) {
        return new LoadStore(k, action.fields().number("gpa"));
      }
    }
    return null;
  }

  /** Returns the first byte touched. */
  public long first() {
    return kind == Kind.DC_ZVA ? gpa & -ZVA_BLOCK : gpa;
  }

  /**
   * Returns byte {@code i} of what is stored: the guest's registers hold 5, and those of a pair
   * 0x11 to 0x77 from the top, then 5.
   */
  public int byteAt(int i) {
    return switch (kind) {
      case STP -> (i & 7) == 0 ? 5 : 0x88 - 0x11 * (i & 7);
      case DC_ZVA -> 0;
      default -> i == 0 ? 5 : 0;
    };
  }
}
