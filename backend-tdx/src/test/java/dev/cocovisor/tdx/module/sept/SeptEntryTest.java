package dev.cocovisor.tdx.module.sept;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Entries bit for bit, against words written out by hand. */
class SeptEntryTest {
  private static final long HPA = 0x1_2345_6000L;
  private static final long BITS_OF_A_LEAF_THAT_ARE_NO_STATE = 1L << 63 | 6 << 3 | HPA;

  // TDX module 1.5.01, sept_state_lookup.c: D is bit 9, TDEX to TDP are 53 to 56, IPAT 6, PS 7.
  @ParameterizedTest
  @CsvSource({
    "FREE, 00e0_0000_0000_0000",
    "REMOVED, 00c0_0000_0000_0000",
    "NL_MAPPED, 0000_0000_0000_0007",
    "NL_BLOCKED, 0080_0000_0000_0000",
    "MAPPED, 0000_0000_0000_00c7",
    "BLOCKED, 0080_0000_0000_00c0",
    "BLOCKEDW, 0040_0000_0000_00c5",
    "EXPORTED_BLOCKEDW, 0060_0000_0000_00c5",
    "EXPORTED_DIRTY, 0020_0000_0000_02c7",
    "EXPORTED_DIRTY_BLOCKEDW, 0060_0000_0000_02c5",
    "PENDING, 0100_0000_0000_00c0",
    "PENDING_BLOCKED, 0180_0000_0000_00c0",
    "PENDING_BLOCKEDW, 0140_0000_0000_00c0",
    "PENDING_EXPORTED_BLOCKEDW, 0160_0000_0000_00c0",
    "PENDING_EXPORTED_DIRTY, 0120_0000_0000_02c0",
    "PENDING_EXPORTED_DIRTY_BLOCKEDW, 0160_0000_0000_02c0"
  })
  void theStateIsInBitsOfItsOwn(SeptState state, String hex) {
    long bits = Long.parseUnsignedLong(hex.replace("_", ""), 16);
    long entry = BITS_OF_A_LEAF_THAT_ARE_NO_STATE | bits;
    assertThat(SeptState.of(entry)).isEqualTo(state);
    assertThat(SeptEntry.code(bits)).isEqualTo(state.code());
    assertThat(SeptEntry.code(~bits)).as("nothing else counts").isEqualTo(~state.code() & 0x7f);
    for (SeptState before : SeptState.values()) {
      long changed = SeptEntry.withState(SeptEntry.leaf(before, HPA) | SeptEntry.LOCK, state);
      assertThat(changed).as("from %s", before).isEqualTo(entry | SeptEntry.LOCK);
    }
  }

  // The same table: what nobody can have a translation of needs no tracking.
  @ParameterizedTest
  @EnumSource
  void trackingIsAskedForWhereATranslationMayBeLeft(SeptState state) {
    boolean none =
        switch (state) {
          case FREE, REMOVED, EXPORTED_BLOCKEDW, PENDING_EXPORTED_BLOCKEDW -> true;
          default -> false;
        };
    assertThat(state.trackingRequired()).isEqualTo(!none);
  }

  @Test
  void aWordThatIsNoStatesCodeIsFree() {
    assertThat(SeptState.of(SeptEntry.SVE | 0x40)).isEqualTo(SeptState.FREE);
  }
}
