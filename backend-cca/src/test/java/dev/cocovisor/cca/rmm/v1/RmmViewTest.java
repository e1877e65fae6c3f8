package dev.cocovisor.cca.rmm.v1;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.realm.RmmView;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** What tools may look at of an RMM: a realm's tables, its granules, and what all granules are. */
class RmmViewTest {
  private static final long IPA = 0x20_0000;
  private static final long SHARED = 1L << 47;

  private final Bench b = new Bench();
  private final long rd = b.realm();
  private final RmmView view = b.rmm.view();

  private static List<String> shown(Consumer<TableSink.Entries> table) {
    List<String> all = new ArrayList<>();
    table.accept((first, n, order, leadsTo, kind, state) ->
        all.add("%x+%d %d to %x %s %s".formatted(first, n, order, leadsTo, kind, state)));
    return all;
  }

  private long data(int page) {
    long data = b.delegated();
    Bench.ok(b.rmm.dataCreateUnknown(b.pe, rd, data, IPA + page * 4096L));
    return data;
  }

  @Test
  void entriesThatSayMoreThanAFreshTableAreShown() {
    b.tables(rd, IPA, 3);
    b.tables(rd, SHARED + IPA, 3);
    assertThat(shown(into -> view.showTables(rd, into))).isEmpty();
    Bench.ok(b.rmm.rttInitRipas(b.pe, rd, IPA, IPA + 2 * 4096));
    long ram = b.delegated();
    Bench.ok(b.rmm.dataCreate(b.pe, rd, ram, IPA, b.ns(), 0));
    final long empty = data(2);
    Bench.ok(b.rmm.rttInitRipas(b.pe, rd, IPA + 3 * 4096, IPA + 4 * 4096));
    long lost = data(3);
    Bench.ok(b.rmm.dataDestroy(b.pe, rd, IPA + 3 * 4096));
    Bench.ok(b.rmm.granuleUndelegate(b.pe, lost));
    Bench.ok(b.rmm.rttInitRipas(b.pe, rd, IPA + 4 * 4096, IPA + 5 * 4096));
    data(4);
    Bench.ok(b.rmm.dataDestroy(b.pe, rd, IPA + 4 * 4096));
    final long destroyed = data(4);
    long ns = b.ns();
    Bench.ok(
        b.rmm.rttMapUnprotected(b.pe, rd, SHARED + IPA, 3, ns | Rtte.attributes(1, true, true)));
    assertThat(shown(into -> view.showTables(rd, into)))
        .containsExactly(
            "200+1 0 to %x PRIVATE ASSIGNED, RIPAS RAM".formatted(ram >>> 12),
            "201+1 0 to ffffffffffffffff EMPTY UNASSIGNED, RIPAS RAM",
            "202+1 0 to %x PENDING ASSIGNED, RIPAS EMPTY".formatted(empty >>> 12),
            "203+1 0 to ffffffffffffffff LOST UNASSIGNED, RIPAS DESTROYED",
            "204+1 0 to %x LOST ASSIGNED, RIPAS DESTROYED".formatted(destroyed >>> 12),
            "800000200+1 0 to %x SHARED ASSIGNED_NS".formatted(ns >>> 12));
    assertThat(shown(into -> view.showTables(ram, into))).as("no descriptor").isEmpty();
    assertThat(shown(into -> view.showTables(1, into))).as("no granule").isEmpty();
  }

  @Test
  void aRealmsGranulesAreItsDescriptorItsTablesAndItsData() {
    b.tables(rd, IPA, 3);
    data(0);
    data(7);
    Bench.ok(b.rmm.dataCreate(b.pe, rd, b.delegated(), IPA + 9 * 4096L, b.ns(), 0));
    List<Long> named = new ArrayList<>();
    view.forEachGranule(rd, named::add);
    List<Long> used = new ArrayList<>();
    for (long a = b.rmm.granules().nextInUse(0); a >= 0; a = b.rmm.granules().nextInUse(a + 4096)) {
      if (b.rmm.granules().stateAt(a) != GranuleState.DELEGATED) {
        used.add(a);
      }
    }
    assertThat(named).doesNotHaveDuplicates().containsExactlyInAnyOrderElementsOf(used);
    assertThat(named).hasSize(1 + 4 + 3);
    named.clear();
    view.forEachGranule(rd + 4096 * 4096L, named::add);
    assertThat(named).isEmpty();
  }

  @Test
  void aBlockIsSoManyGranules() {
    b.tables(rd, IPA, 3);
    long first = b.delegated(512, Bench.MB2);
    for (int i = 0; i < 512; i++) {
      Bench.ok(b.rmm.dataCreateUnknown(b.pe, rd, first + i * 4096L, IPA + i * 4096L));
    }
    Bench.ok(b.rmm.rttFold(b.pe, rd, IPA, 3));
    assertThat(shown(into -> view.showTables(rd, into)))
        .containsExactly("200+512 9 to %x PENDING ASSIGNED, RIPAS EMPTY".formatted(first >>> 12));
    List<Long> named = new ArrayList<>();
    view.forEachGranule(rd, named::add);
    assertThat(named).hasSize(1 + 3 + 512).contains(first, first + 511 * 4096L);
  }

  @Test
  void aRealmSaysItsStateAndItsMeasurement() {
    assertThat(view.realmState(rd)).isEqualTo("NEW");
    assertThat(view.rim(rd)).hasSize(64);
    Bench.ok(b.rmm.realmActivate(b.pe, rd));
    assertThat(view.realmState(rd)).isEqualTo("ACTIVE");
    assertThat(view.realmState(rd + 1)).isNull();
    assertThat(view.rim(rd + 4096 * 4096L)).isNull();
  }

  @Test
  void everyGranuleThatIsNotTheHostsIsShown() {
    long d = b.delegated();
    List<String> all = shown(b.rmm.granules()::show);
    assertThat(all)
        .containsExactly(
            "%x+1 0 to ffffffffffffffff CONTROL RD".formatted(rd >>> 12),
            "%x+1 0 to ffffffffffffffff CONTROL RTT".formatted((rd >>> 12) + 1),
            "%x+1 0 to ffffffffffffffff BLOCKED DELEGATED".formatted(d >>> 12));
  }

  @Test
  void aDelegatedGranuleThatIsNotZeroIsTold() {
    long d = b.delegated();
    List<String> found = new ArrayList<>();
    b.rmm.checkInvariants(found::add);
    assertThat(found).isEmpty();
    b.memory.writeByte(d + 9, 1);
    b.rmm.checkInvariants(found::add);
    assertThat(found)
        .containsExactly("delegated granule 0x" + Long.toHexString(d) + " is not zero");
  }
}
