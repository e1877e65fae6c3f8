package dev.cocovisor.cca.rmm.v2;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.op.Block;
import org.junit.jupiter.api.Test;

/** What RTT_DATA_MAP and RTT_UNPROT_MAP say of an entry that has something, and of attributes. */
class MappedAgainTest {
  private static final long IPA = 0x20_0000;
  private static final long PAGE = Bench2.PAGE;
  private static final int S2AP = 3 << 19;
  private static final int MEMATTR_SHIFT = 16;

  /** Stage 2 attributes with FWB: the one value that the architecture reserves. */
  private static final int RESERVED = 4;

  private final Bench2 b = new Bench2();
  private final long rd = b.realm(0);

  private long map(long ipa, long pa) {
    return b.call(
        Rmi2Command.RTT_DATA_MAP, rd, ipa, ipa + PAGE, Bench2.SINGLE, Block.of(pa, 3, 1, 0));
  }

  private long share(long ipa, long pa, long memattr) {
    return b.call(
        Rmi2Command.RTT_UNPROT_MAP,
        rd,
        ipa,
        ipa + PAGE,
        Bench2.SINGLE | S2AP | memattr << MEMATTR_SHIFT,
        Block.of(pa, 3, 1, Block.UNDELEGATED));
  }

  // RMM 2.0-bet2, TF-RMM runtime/rmi/rtt.c: the same memory at the same address counts as done.
  @Test
  void theSameMemoryAtTheSameAddressIsDone() {
    b.tables(rd, IPA, 3);
    long pa = b.map(rd, IPA, 1);
    Bench2.ok(map(IPA, pa));
    assertThat(b.pe.x1()).isEqualTo(IPA + PAGE);
    assertThat(map(IPA, b.delegated())).as("other memory").isEqualTo(Status.rtt(3));
    assertThat(map(IPA + PAGE, pa)).as("at another address").isEqualTo(Status.ERROR_INPUT);
    b.check();
    Bench2.ok(b.call(Rmi2Command.RTT_DATA_UNMAP, rd, IPA, IPA + PAGE, 0, 0));
    Bench2.ok(b.call(Rmi2Command.RTT_DESTROY, rd, IPA, 3));
  }

  @Test
  void theSameSharedPageWithTheSameAttributesIsDone() {
    b.tables(rd, Bench2.SHARED, 3);
    long pa = b.ns();
    Bench2.ok(share(Bench2.SHARED, pa, 0));
    Bench2.ok(share(Bench2.SHARED, pa, 0));
    assertThat(b.pe.x1()).isEqualTo(Bench2.SHARED + PAGE);
    assertThat(share(Bench2.SHARED, pa, 1)).as("others").isEqualTo(Status.rtt(3));
    assertThat(share(Bench2.SHARED, b.ns(), 0)).as("other memory").isEqualTo(Status.rtt(3));
    b.check();
  }

  // TF-RMM lib/s2tt/src/s2tt.c, host_ns_s2tte_is_valid.
  @Test
  void theReservedMemoryAttributesAreRefused() {
    b.tables(rd, Bench2.SHARED, 3);
    for (int memattr = 0; memattr < 8; memattr++) {
      assertThat(share(Bench2.SHARED + memattr * PAGE, b.ns(), memattr))
          .as("attributes %d", memattr)
          .isEqualTo(memattr == RESERVED ? Status.ERROR_INPUT : Status.SUCCESS);
    }
    b.check();
  }

  // RMM 2.0-bet2: an entry that an operation has stamped is RTT(level) to UNPROT_MAP.
  @Test
  void anEntryThatAnOperationOwnsIsNotShared() {
    b.tables(rd, Bench2.SHARED, 3);
    long at = Bench2.SHARED + PAGE;
    Bench2.ok(share(at, b.ns(), 0));
    assertThat(b.interrupted(1, Rmi2Command.RTT_UNPROT_UNMAP, rd, at, at + PAGE, 0, 0))
        .isEqualTo(Status.INCOMPLETE);
    long handle = b.pe.x1();
    assertThat(share(at, b.ns(), 0)).isEqualTo(Status.rtt(3));
    assertThat(b.pe.cause()).contains("stamped");
    Bench2.ok(b.through(handle));
    Bench2.ok(share(at, b.ns(), 0));
    b.check();
  }
}
