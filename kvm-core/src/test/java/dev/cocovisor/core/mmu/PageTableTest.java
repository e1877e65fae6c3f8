package dev.cocovisor.core.mmu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** Which entries of a table a range touches, and what an entry's number says. */
class PageTableTest {
  private static final long BASE = 1L << 18;

  @Test
  void aHalfOpenRangeTouchesTheEntriesThatHoldItsGfns() {
    PageTable t = new PageTable(2, BASE, -1);
    assertThat(t.firstIndex(0)).isZero();
    assertThat(t.firstIndex(BASE)).isZero();
    assertThat(t.firstIndex(BASE + 511)).isZero();
    assertThat(t.firstIndex(BASE + 512)).isEqualTo(1);
    assertThat(t.firstIndex(BASE + 512 * 512)).isEqualTo(512);
    assertThat(t.firstIndex(1L << 52)).isEqualTo(512);
    assertThat(t.lastIndex(BASE)).isEqualTo(-1);
    assertThat(t.lastIndex(0)).isEqualTo(-1);
    assertThat(t.lastIndex(BASE + 1)).isZero();
    assertThat(t.lastIndex(BASE + 512)).isZero();
    assertThat(t.lastIndex(BASE + 513)).isEqualTo(1);
    assertThat(t.lastIndex(Long.MAX_VALUE)).isEqualTo(511);
  }

  @Test
  void anIndexIsNineBitsOfTheGfnALevel() {
    long gfn = 3L << 18 | 5L << 9 | 7;
    assertThat(PageTable.index(gfn, 1)).isEqualTo(7);
    assertThat(PageTable.index(gfn, 2)).isEqualTo(5);
    assertThat(PageTable.index(gfn, 3)).isEqualTo(3);
    assertThat(PageTable.index(gfn, 4)).isZero();
    assertThat(new PageTable(1, BASE, -1).gfnOf(9)).isEqualTo(BASE + 9);
    assertThat(new PageTable(2, BASE, -1).gfnOf(9)).isEqualTo(BASE + 9 * 512);
    assertThat(new PageTable(2, BASE, -1).placeName(2)).isEqualTo("SPTE gfn 0x40400 level 2");
  }

  @Test
  void aSmallTableCoversTwoMebibytes() {
    PageTable t = new PageTable(1, BASE, -1);
    assertThat(PageTable.covers(t, BASE)).isTrue();
    assertThat(PageTable.covers(t, BASE + 511)).isTrue();
    assertThat(PageTable.covers(t, BASE + 512)).isFalse();
    assertThat(PageTable.covers(t, BASE - 1)).isFalse();
    assertThatThrownBy(() -> t.setChild(0, t)).isInstanceOf(IllegalStateException.class);
    assertThat(t.child(0)).isNull();
    assertThat(t.skip(3)).isEqualTo(512);
    t.fill(9, 1);
    assertThat(t.skip(3)).isEqualTo(9);
    assertThat(t.skip(10)).isEqualTo(512);
  }

  @Test
  void aTableAboveTheLowestHasNeighboursOfWhatIsThere() {
    PageTable t = new PageTable(3, 0, -1);
    assertThat(t.skip(0)).isEqualTo(512);
    assertThat(t.get(300)).isZero();
    t.set(300, 5);
    assertThat(t.cas(511, 0, 6)).isTrue();
    assertThat(t.cas(511, 0, 7)).isFalse();
    assertThat(t.freeze(40)).isZero();
    assertThat(t.get(300)).isEqualTo(5);
    assertThat(t.get(511)).isEqualTo(6);
    assertThat(t.get(40)).isEqualTo(Spte.FROZEN);
    for (int i = 0; i < 512; i++) {
      int next = t.skip(i);
      assertThat(next).isBetween(i, 512);
      for (int k = i; k < next; k++) {
        assertThat(t.get(k)).isZero();
      }
    }
    assertThat(t.skip(100)).isEqualTo(300);
    assertThat(t.skip(301)).isEqualTo(511);
    assertThat(t.skipRoom(100)).isEqualTo(288);
    assertThat(t.skipRoom(301)).isEqualTo(301);
  }

  @Test
  void tablesAreCountedWithAndWithoutAFrameOfTheirOwn() {
    PageTable root = new PageTable(3, 0, -1);
    PageTable mirrored = new PageTable(2, 0, 77);
    root.setChild(0, mirrored);
    mirrored.setChild(1, new PageTable(1, 512, 78));
    root.setChild(1, new PageTable(2, BASE, -1));
    assertThat(root.count(false)).isEqualTo(4);
    assertThat(root.count(true)).isEqualTo(2);
  }

  @Test
  void anEntryChangesOnlyFromWhatWasRead() {
    PageTable t = new PageTable(1, 0, -1);
    long leaf = Spte.leaf(5, true, false);
    assertThat(t.cas(3, Spte.NONE, leaf)).isTrue();
    assertThat(t.cas(3, Spte.NONE, Spte.FROZEN)).isFalse();
    assertThat(t.read(3)).isEqualTo(leaf);
    assertThat(t.freeze(3)).isEqualTo(leaf);
    assertThat(t.get(3)).isEqualTo(Spte.FROZEN);
    t.set(3, Spte.NONE);
    assertThat(t.get(3)).isZero();
    t.fill(4, leaf);
    assertThat(t.get(4)).isEqualTo(leaf);
  }

  @Test
  void kindsOfEntriesExcludeEachOther() {
    long leaf = Spte.leaf(0x1234, true, true);
    assertThat(Spte.isLeaf(leaf)).isTrue();
    assertThat(Spte.isTable(leaf)).isFalse();
    assertThat(Spte.isPresent(leaf)).isTrue();
    assertThat(Spte.isWritable(leaf)).isTrue();
    assertThat(Spte.isPrivate(leaf)).isTrue();
    assertThat(Spte.isMmio(leaf)).isFalse();
    assertThat(Spte.pfn(leaf)).isEqualTo(0x1234);
    assertThat(Spte.isWritable(Spte.readOnly(leaf))).isFalse();
    assertThat(Spte.readOnly(leaf)).isEqualTo(Spte.leaf(0x1234, false, true));
    long table = Spte.table(0x88);
    assertThat(Spte.isTable(table)).isTrue();
    assertThat(Spte.isLeaf(table)).isFalse();
    assertThat(Spte.pfn(table)).isEqualTo(0x88);
    long mmio = Spte.mmio(6);
    assertThat(Spte.isMmio(mmio)).isTrue();
    assertThat(Spte.isPresent(mmio)).isFalse();
    assertThat(TdpMmu.mmioCurrent(mmio, 6)).isTrue();
    assertThat(TdpMmu.mmioCurrent(mmio, 8)).isFalse();
    for (long none : new long[] {Spte.NONE, Spte.FROZEN}) {
      assertThat(Spte.isPresent(none) || Spte.isLeaf(none) || Spte.isTable(none)).isFalse();
    }
    assertThat(Spte.level(Spte.atLevel(leaf, 3))).isEqualTo(3);
    assertThat(Spte.level(Spte.atLevel(Spte.atLevel(leaf, 3), 2))).isEqualTo(2);
    assertThat(Spte.bare(Spte.atLevel(leaf, 3))).isEqualTo(leaf);
  }
}
