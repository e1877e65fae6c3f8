package dev.cocovisor.cca.rmm.v1;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.run.RealmSide;
import dev.cocovisor.cca.rmm.run.RsiCall;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The life of one protected table entry: HIPAS times RIPAS, event by event. */
class RttMachineTest {
  private static final long IPA = 0x20_0000;
  private static final long TOP = IPA + 4096;

  private final Bench b = new Bench();
  private final long rd = b.realm();
  private final long rec = b.rec(rd, 0);

  RttMachineTest() {
    b.tables(rd, IPA, 3);
  }

  @AfterEach
  void invariantsHold() {
    b.check();
  }

  /**
   * Rows are state before, event, status and state after. DESTROYED states are reached by taking
   * RAM away, so the realm is new unless the event needs it to run.
   */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          UNASSIGNED/EMPTY     | INIT_RIPAS      | 0x0   | UNASSIGNED/RAM
          UNASSIGNED/RAM       | INIT_RIPAS      | 0x0   | UNASSIGNED/RAM
          UNASSIGNED/DESTROYED | INIT_RIPAS      | 0x304 | UNASSIGNED/DESTROYED
          ASSIGNED/EMPTY       | INIT_RIPAS      | 0x304 | ASSIGNED/EMPTY
          ASSIGNED/RAM         | INIT_RIPAS      | 0x304 | ASSIGNED/RAM
          ASSIGNED/DESTROYED   | INIT_RIPAS      | 0x304 | ASSIGNED/DESTROYED
          UNASSIGNED/EMPTY     | DATA_CREATE     | 0x0   | ASSIGNED/RAM
          UNASSIGNED/RAM       | DATA_CREATE     | 0x0   | ASSIGNED/RAM
          UNASSIGNED/DESTROYED | DATA_CREATE     | 0x0   | ASSIGNED/RAM
          ASSIGNED/EMPTY       | DATA_CREATE     | 0x304 | ASSIGNED/EMPTY
          ASSIGNED/RAM         | DATA_CREATE     | 0x304 | ASSIGNED/RAM
          UNASSIGNED/EMPTY     | DATA_CREATE_UNKNOWN | 0x0 | ASSIGNED/EMPTY
          UNASSIGNED/RAM       | DATA_CREATE_UNKNOWN | 0x0 | ASSIGNED/RAM
          UNASSIGNED/DESTROYED | DATA_CREATE_UNKNOWN | 0x0 | ASSIGNED/DESTROYED
          ASSIGNED/DESTROYED   | DATA_CREATE_UNKNOWN | 0x304 | ASSIGNED/DESTROYED
          UNASSIGNED/EMPTY     | DATA_DESTROY    | 0x304 | UNASSIGNED/EMPTY
          UNASSIGNED/RAM       | DATA_DESTROY    | 0x304 | UNASSIGNED/RAM
          UNASSIGNED/DESTROYED | DATA_DESTROY    | 0x304 | UNASSIGNED/DESTROYED
          ASSIGNED/EMPTY       | DATA_DESTROY    | 0x0   | UNASSIGNED/EMPTY
          ASSIGNED/RAM         | DATA_DESTROY    | 0x0   | UNASSIGNED/DESTROYED
          ASSIGNED/DESTROYED   | DATA_DESTROY    | 0x0   | UNASSIGNED/DESTROYED
          UNASSIGNED/EMPTY     | SET_RAM         | 0x0   | UNASSIGNED/RAM
          UNASSIGNED/RAM       | SET_RAM         | 0x0   | UNASSIGNED/RAM
          UNASSIGNED/DESTROYED | SET_RAM         | 0x304 | UNASSIGNED/DESTROYED
          UNASSIGNED/DESTROYED | SET_RAM_DESTROYED | 0x0 | UNASSIGNED/RAM
          ASSIGNED/EMPTY       | SET_RAM         | 0x0   | ASSIGNED/RAM
          ASSIGNED/DESTROYED   | SET_RAM         | 0x304 | ASSIGNED/DESTROYED
          ASSIGNED/DESTROYED   | SET_RAM_DESTROYED | 0x0 | ASSIGNED/RAM
          UNASSIGNED/RAM       | SET_EMPTY       | 0x0   | UNASSIGNED/EMPTY
          UNASSIGNED/EMPTY     | SET_EMPTY       | 0x0   | UNASSIGNED/EMPTY
          UNASSIGNED/DESTROYED | SET_EMPTY       | 0x304 | UNASSIGNED/DESTROYED
          UNASSIGNED/DESTROYED | SET_EMPTY_DESTROYED | 0x0 | UNASSIGNED/EMPTY
          ASSIGNED/RAM         | SET_EMPTY       | 0x0   | ASSIGNED/EMPTY
          ASSIGNED/DESTROYED   | SET_EMPTY       | 0x304 | ASSIGNED/DESTROYED
          ASSIGNED/DESTROYED   | SET_EMPTY_DESTROYED | 0x0 | ASSIGNED/EMPTY
          """)
  void transitions(String before, String event, String status, String after) {
    reach(before);
    assertThat("0x" + Long.toHexString(fire(event))).isEqualTo(status);
    assertThat(b.entry(rd, IPA, 3)).isEqualTo("3:" + after);
  }

  private void reach(String state) {
    String ripas = state.substring(state.indexOf('/') + 1);
    if (ripas.equals("RAM")) {
      Bench.ok(fire("INIT_RIPAS"));
    } else if (ripas.equals("DESTROYED")) {
      Bench.ok(fire("INIT_RIPAS"));
      Bench.ok(fire("DATA_CREATE_UNKNOWN"));
      Bench.ok(fire("DATA_DESTROY"));
    }
    if (state.startsWith("ASSIGNED")) {
      Bench.ok(fire("DATA_CREATE_UNKNOWN"));
    }
    assertThat(b.entry(rd, IPA, 3)).isEqualTo("3:" + state);
  }

  private long fire(String event) {
    return switch (event) {
      case "INIT_RIPAS" -> b.rmm.rttInitRipas(b.pe, rd, IPA, TOP);
      case "DATA_CREATE" -> b.rmm.dataCreate(b.pe, rd, b.delegated(), IPA, b.ns(), 1);
      case "DATA_CREATE_UNKNOWN" -> b.rmm.dataCreateUnknown(b.pe, rd, b.delegated(), IPA);
      case "DATA_DESTROY" -> b.rmm.dataDestroy(b.pe, rd, IPA);
      case "SET_RAM" -> change(1, 0);
      case "SET_RAM_DESTROYED" -> change(1, 1);
      case "SET_EMPTY" -> change(0, 0);
      case "SET_EMPTY_DESTROYED" -> change(0, 1);
      default -> throw new AssertionError(event);
    };
  }

  private long change(long ripas, long flags) {
    Bench.ok(b.rmm.realmActivate(b.pe, rd));
    b.enter(rec);
    RealmSide.Outcome exit =
        b.rmm.realmSide().call(b.pe, rec, RsiCall.RSI_IPA_STATE_SET.fid(), IPA, TOP, ripas, flags);
    assertThat(exit.exited()).isTrue();
    return b.rmm.rttSetRipas(b.pe, rd, rec, IPA, TOP);
  }

  @Test
  void aTableWithLostRamIsDestroyedAsAWhole() {
    Bench.ok(b.rmm.rttInitRipas(b.pe, rd, IPA, IPA + Bench.MB2));
    Bench.ok(b.rmm.rttDestroy(b.pe, rd, IPA, 3));
    assertThat(b.entry(rd, IPA, 2)).isEqualTo("2:UNASSIGNED/DESTROYED");
    b.tables(rd, IPA, 3);
    assertThat(b.entry(rd, IPA + 0x5000, 3)).isEqualTo("3:UNASSIGNED/DESTROYED");
  }

  @Test
  void dataCreateCopiesTheSourceAndTheGranuleIsScrubbedWhenTakenAway() {
    long data = b.delegated();
    long source = b.ns();
    b.memory.writeLong(source + 8, 0x1234);
    Bench.ok(b.rmm.dataCreate(b.pe, rd, data, IPA, source, 0));
    assertThat(b.memory.readLong(data + 8)).isEqualTo(0x1234);
    Bench.ok(b.rmm.dataDestroy(b.pe, rd, IPA));
    assertThat(b.pe.x1()).isEqualTo(data);
    assertThat(b.memory.isZero(data >>> PageLevel.PAGE_SHIFT)).isTrue();
  }

  @Test
  void topSkipsToTheNextLiveEntryOrTheEndOfTheTable() {
    Bench.ok(b.rmm.dataDestroy(b.pe, rd, IPA) == Status.rtt(3) ? 0 : 1);
    assertThat(b.pe.x2()).isEqualTo(IPA + Bench.MB2);
    Bench.ok(b.rmm.dataCreateUnknown(b.pe, rd, b.delegated(), IPA + 0x7000));
    b.rmm.dataDestroy(b.pe, rd, IPA + 0x1000);
    assertThat(b.pe.x2()).isEqualTo(IPA + 0x7000);
    b.rmm.dataDestroy(b.pe, rd, 0x1000);
    assertThat(b.pe.x2()).as("level 2: the table at IPA is live").isEqualTo(IPA);
    b.rmm.rttDestroy(b.pe, rd, IPA, 3);
    assertThat(b.pe.x2()).as("a live child").isEqualTo(IPA);
    b.rmm.rttUnmapUnprotected(b.pe, rd, 1L << 47, 3);
    assertThat(b.pe.x1()).isEqualTo(1L << 48);
  }
}
