package dev.cocovisor.cca.rmm.v2;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.op.Block;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * A map of five pages that something stops at each of them: the failure is told only where it hits
 * the first, and x1 says how far the others came.
 */
class PartialProgressTest {
  private static final int PAGES = 5;
  private static final long IPA = 0x20_0000;
  private static final long PAGE = Bench2.PAGE;

  private enum Obstacle {
    GRANULE_NOT_DELEGATED(Status.ERROR_INPUT),
    SAID_TO_BE_UNDELEGATED(Status.ERROR_INPUT),
    OTHER_SIZE(Status.rtt(3)),
    BEYOND_48_BITS(Status.ERROR_INPUT),
    ENTRY_ASSIGNED(Status.rtt(3)),
    ENTRY_STAMPED(Status.BUSY),
    LIST_EXHAUSTED(Status.ERROR_INPUT);

    final long status;

    Obstacle(long status) {
      this.status = status;
    }
  }

  @TestFactory
  Stream<DynamicTest> whatStopsABlockEndsTheCallWhereItStands() {
    List<DynamicTest> tests = new ArrayList<>();
    for (Obstacle o : Obstacle.values()) {
      for (int at = o == Obstacle.LIST_EXHAUSTED ? 1 : 0; at <= PAGES; at++) {
        int k = at;
        // A first descriptor of another size or state is judged with the range.
        if (k != 0 || o != Obstacle.OTHER_SIZE) {
          tests.add(DynamicTest.dynamicTest(o + " at " + k, () -> stop(o, k)));
        }
      }
    }
    assertThat(tests).hasSize(40);
    return tests.stream();
  }

  private static void stop(Obstacle o, int at) {
    Bench2 b = new Bench2();
    long rd = b.realm(0);
    b.tables(rd, IPA, 3);
    long ipa = IPA + at * PAGE;
    if (o == Obstacle.ENTRY_ASSIGNED) {
      long _ = b.map(rd, ipa, 1);
    } else if (o == Obstacle.ENTRY_STAMPED) {
      long block = Block.of(b.delegated(), 3, 1, 0);
      assertThat(
              b.interrupted(1, Rmi2Command.RTT_DATA_MAP, rd, ipa, ipa + PAGE, Bench2.SINGLE, block))
          .isEqualTo(Status.INCOMPLETE);
    }
    long list = b.ns();
    int words = o == Obstacle.LIST_EXHAUSTED ? at : PAGES + 1;
    for (int i = 0; i < words; i++) {
      b.memory.writeLong(list + i * 8L, i == at ? bad(b, o) : Block.of(b.delegated(), 3, 1, 0));
    }
    long top = IPA + PAGES * PAGE;
    long x0 = b.call(Rmi2Command.RTT_DATA_MAP, rd, IPA, top, Bench2.LIST | (long) words << 2, list);
    if (at == 0) {
      assertThat(Status.name(x0)).isEqualTo(Status.name(o.status));
      assertThat(b.pe.x1()).isZero();
    } else {
      Bench2.ok(x0);
      assertThat(b.pe.x1()).isEqualTo(Math.min(ipa, top));
    }
    b.check();
  }

  private static long bad(Bench2 b, Obstacle o) {
    return switch (o) {
      case GRANULE_NOT_DELEGATED -> Block.of(b.ns(), 3, 1, 0);
      case SAID_TO_BE_UNDELEGATED -> Block.of(b.delegated(), 3, 1, Block.UNDELEGATED);
      case OTHER_SIZE -> Block.of(b.delegated(1, Bench2.MB2), 2, 1, 0);
      case BEYOND_48_BITS -> Block.of(1L << 48, 3, 1, 0);
      case ENTRY_ASSIGNED, ENTRY_STAMPED, LIST_EXHAUSTED -> Block.of(b.delegated(), 3, 1, 0);
    };
  }
}
