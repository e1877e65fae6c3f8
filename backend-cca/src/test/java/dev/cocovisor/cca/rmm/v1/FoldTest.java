package dev.cocovisor.cca.rmm.v1;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Unfolding a leaf into a table and folding it back. */
class FoldTest {
  private static final long IPA = 0x4000_0000L;
  private static final long SHARED = 1L << 47;

  private final Bench b = new Bench();
  private final long rd = b.realm();

  @AfterEach
  void invariantsHold() {
    b.check();
  }

  private long create(long ipa, int level) {
    long rtt = b.delegated();
    Bench.ok(b.rmm.rttCreate(b.pe, rd, rtt, ipa, level));
    return rtt;
  }

  private void roundTrip(long ipa, int level) {
    String before = b.entry(rd, ipa, level - 1);
    long descriptor = b.pe.x3();
    Snapshot granules = Snapshot.of(b.rmm);
    long rtt = create(ipa, level);
    assertThat(b.entry(rd, ipa, level)).isEqualTo(level + before.substring(1));
    assertThat(b.pe.x3()).isEqualTo(descriptor);
    b.check();
    Bench.ok(b.rmm.rttFold(b.pe, rd, ipa, level));
    assertThat(b.pe.x1()).isEqualTo(rtt);
    assertThat(b.entry(rd, ipa, level - 1)).isEqualTo(before);
    assertThat(b.pe.x3()).isEqualTo(descriptor);
    Bench.ok(b.rmm.granuleUndelegate(b.pe, rtt));
    assertThat(Snapshot.of(b.rmm)).isEqualTo(granules);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void unassignedEntriesOfEveryRipasComeBack(int level) {
    b.tables(rd, IPA, level - 1);
    long size = Geometry.entrySize(level - 1);
    long at = IPA & -size;
    roundTrip(at, level);
    Bench.ok(b.rmm.rttInitRipas(b.pe, rd, at, at + size));
    roundTrip(at, level);
    create(at, level);
    Bench.ok(b.rmm.rttDestroy(b.pe, rd, at, level));
    assertThat(b.entry(rd, at, level - 1)).endsWith("UNASSIGNED/DESTROYED");
    roundTrip(at, level);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void sharedEntriesComeBackWithTheirAttributes(int level) {
    b.tables(rd, SHARED, level - 1);
    roundTrip(SHARED, level);
    if (level > Geometry.MIN_BLOCK_LEVEL) {
      long block = Geometry.entrySize(level - 1);
      Bench.ok(b.rmm.rttMapUnprotected(b.pe, rd, SHARED, level - 1, block | 0xc8));
      roundTrip(SHARED, level);
      create(SHARED, level);
      b.entry(rd, SHARED + Geometry.entrySize(level), level);
      assertThat(b.pe.x3()).isEqualTo(block + Geometry.entrySize(level) | 0xc8);
    }
  }

  private long fill(long ipa, int pages, boolean ram) {
    b.tables(rd, ipa, 3);
    if (ram) {
      Bench.ok(b.rmm.rttInitRipas(b.pe, rd, ipa, ipa + Bench.MB2));
    }
    long data = b.delegated(512, Bench.MB2);
    for (int i = 0; i < pages; i++) {
      long at = i * Bench.PAGE;
      Bench.ok(b.rmm.dataCreateUnknown(b.pe, rd, data + at, ipa + at));
    }
    return data;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aFullTableOfContiguousPagesBecomesABlockAndComesBack(boolean ram) {
    long data = fill(IPA, 512, ram);
    Bench.ok(b.rmm.rttFold(b.pe, rd, IPA, 3));
    assertThat(b.entry(rd, IPA, 3)).isEqualTo("2:ASSIGNED/" + (ram ? "RAM" : "EMPTY"));
    assertThat(b.pe.x3()).isEqualTo(data);
    roundTrip(IPA, 3);
    create(IPA, 3);
    Bench.ok(b.rmm.dataDestroy(b.pe, rd, IPA + 0x1000));
    assertThat(b.pe.x1()).isEqualTo(data + 0x1000);
    assertThat(b.rmm.rttFold(b.pe, rd, IPA, 3)).isEqualTo(Status.rtt(3));
  }

  @Test
  void aPageInsideABlockCannotBeTakenAway() {
    fill(IPA, 512, true);
    Bench.ok(b.rmm.rttFold(b.pe, rd, IPA, 3));
    assertThat(b.rmm.dataDestroy(b.pe, rd, IPA + 0x1000)).isEqualTo(Status.rtt(2));
    assertThat(b.pe.x2()).isEqualTo(IPA + 0x1000);
  }

  @Test
  void aTableWithAHoleDoesNotFold() {
    fill(IPA, 511, true);
    assertThat(b.rmm.rttFold(b.pe, rd, IPA, 3)).isEqualTo(Status.rtt(3));
  }

  @Test
  void pagesOutOfOrderDoNotFold() {
    b.tables(rd, IPA, 3);
    long data = b.delegated(512, Bench.MB2);
    for (int i = 0; i < 512; i++) {
      long from = (i ^ 1) * Bench.PAGE;
      Bench.ok(b.rmm.dataCreateUnknown(b.pe, rd, data + from, IPA + i * Bench.PAGE));
    }
    assertThat(b.rmm.rttFold(b.pe, rd, IPA, 3)).isEqualTo(Status.rtt(3));
  }

  @Test
  void contiguousPagesFromAnUnalignedStartDoNotFold() {
    b.tables(rd, IPA, 3);
    long data = b.delegated(513, Bench.MB2) + Bench.PAGE;
    for (int i = 0; i < 512; i++) {
      Bench.ok(b.rmm.dataCreateUnknown(b.pe, rd, data + i * Bench.PAGE, IPA + i * Bench.PAGE));
    }
    assertThat(b.rmm.rttFold(b.pe, rd, IPA, 3)).isEqualTo(Status.rtt(3));
  }

  @Test
  void aTableOfTablesNeverFoldsHoweverItsTablesLie() {
    b.tables(rd, IPA, 2);
    long tables = b.delegated(512, Bench.MB2);
    for (int i = 0; i < 512; i++) {
      long at = IPA + i * Bench.MB2;
      Bench.ok(b.rmm.rttCreate(b.pe, rd, tables + i * Bench.PAGE, at, 3));
    }
    assertThat(b.rmm.rttFold(b.pe, rd, IPA, 2)).isEqualTo(Status.rtt(2));
  }

  @Test
  void sharedPagesOfDifferentAttributesDoNotFold() {
    b.tables(rd, SHARED, 3);
    for (int i = 0; i < 512; i++) {
      long desc = Bench.MB2 + i * Bench.PAGE | (i == 300 ? 0x40 : 0xc0);
      Bench.ok(b.rmm.rttMapUnprotected(b.pe, rd, SHARED + i * Bench.PAGE, 3, desc));
    }
    assertThat(b.rmm.rttFold(b.pe, rd, SHARED, 3)).isEqualTo(Status.rtt(3));
    Bench.ok(b.rmm.rttUnmapUnprotected(b.pe, rd, SHARED + 300 * Bench.PAGE, 3));
    Bench.ok(
        b.rmm.rttMapUnprotected(
            b.pe, rd, SHARED + 300 * Bench.PAGE, 3, Bench.MB2 + 300 * Bench.PAGE | 0xc0));
    Bench.ok(b.rmm.rttFold(b.pe, rd, SHARED, 3));
    assertThat(b.entry(rd, SHARED, 2)).isEqualTo("2:ASSIGNED/EMPTY");
  }

  @Test
  void aSharedBlockAboveLevelOneIsRefusedAtTheParent() {
    b.tables(rd, SHARED, 1);
    for (int i = 0; i < 512; i++) {
      long at = (long) i << 30;
      Bench.ok(b.rmm.rttMapUnprotected(b.pe, rd, SHARED + at, 1, at));
    }
    assertThat(b.rmm.rttFold(b.pe, rd, SHARED, 1)).isEqualTo(Status.rtt(0));
  }
}
