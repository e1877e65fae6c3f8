package dev.cocovisor.core.slot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.PageLevel;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class MemSlotsTest {
  private static MemSlot slot(int id, long base, long npages) {
    return new MemSlot(0, id, base, npages, 0, base << 12, null, 0);
  }

  @Test
  void agreesWithASortedMapOnRandomChanges() {
    for (long seed = 1; seed <= 20; seed++) {
      Random random = new Random(seed);
      MemSlots slots = MemSlots.empty(0);
      TreeMap<Long, MemSlot> naive = new TreeMap<>();
      for (int step = 0; step < 200; step++) {
        int id = random.nextInt(40);
        MemSlot old = slots.byId(id);
        if (old != null && random.nextBoolean()) {
          slots = slots.replace(old, null, 2);
          naive.remove(old.baseGfn());
        } else {
          MemSlot now = slot(id, random.nextInt(2000), 1 + random.nextInt(60));
          boolean clash = overlaps(naive, id, now);
          assertThat(slots.overlapping(id, now.baseGfn(), now.endGfn()) != null)
              .as("seed %d step %d", seed, step)
              .isEqualTo(clash);
          if (!clash) {
            slots = slots.replace(old, now, 2);
            if (old != null) {
              naive.remove(old.baseGfn());
            }
            naive.put(now.baseGfn(), now);
          }
        }
        assertThat(slots.size()).isEqualTo(naive.size());
        for (int k = 0; k < 20; k++) {
          long gfn = random.nextInt(2100);
          Map.Entry<Long, MemSlot> e = naive.floorEntry(gfn);
          MemSlot want = e != null && e.getValue().endGfn() > gfn ? e.getValue() : null;
          assertThat(slots.find(gfn)).as("seed %d step %d gfn %d", seed, step, gfn).isSameAs(want);
        }
      }
    }
  }

  private static boolean overlaps(Map<Long, MemSlot> naive, int id, MemSlot now) {
    return naive.values().stream()
        .anyMatch(s -> s.id() != id && s.baseGfn() < now.endGfn() && now.baseGfn() < s.endGfn());
  }

  @Test
  void everyChangeHasANewGenerationAndLeavesOldSnapshotsAlone() {
    MemSlots none = MemSlots.empty(0);
    MemSlots one = none.replace(null, slot(1, 10, 5), 2);
    assertThat(one.generation()).isEqualTo(2);
    assertThat(none.size()).isZero();
    assertThat(one.find(14)).isNotNull();
    assertThat(one.find(15)).isNull();
    assertThat(one.at(0).id()).isEqualTo(1);
  }

  @Test
  void aHugeLeafFitsOnlyInsideTheSlotAndWithLikeAlignment() {
    MemSlot s = new MemSlot(0, 1, 512, 1024, 0, 0x200000, null, 256);
    assertThat(s.allowsLevel(600, PageLevel.PG_2M, false)).isTrue();
    assertThat(s.allowsLevel(600, PageLevel.PG_2M, true)).isFalse();
    assertThat(s.allowsLevel(600, PageLevel.PG_1G, false)).isFalse();
    MemSlot skewed = new MemSlot(0, 1, 512, 1024, 0, 0x201000, null, 0);
    assertThat(skewed.allowsLevel(600, PageLevel.PG_2M, false)).isFalse();
    MemSlot cut = new MemSlot(0, 1, 513, 1024, 0, 0x201000, null, 0);
    assertThat(cut.allowsLevel(600, PageLevel.PG_2M, false)).isFalse();
    assertThat(cut.allowsLevel(1100, PageLevel.PG_2M, false)).isTrue();
  }

  @Test
  void anInvalidCopyKeepsEverythingElse() {
    MemSlot s = new MemSlot(1, 7, 3, 4, MemSlot.READONLY | MemSlot.GMEM_ONLY, 0x5000, null, 9);
    MemSlot gone = s.invalidated();
    assertThat(gone.isInvalid()).isTrue();
    assertThat(gone.flags()).isEqualTo(MemSlot.READONLY);
    assertThat(gone.isGmemOnly()).isTrue();
    assertThat(gone.isReadonly()).isTrue();
    assertThat(gone.asId()).isEqualTo(1);
    assertThat(gone.gmemIndex(5)).isEqualTo(11);
    assertThat(gone.userAddressOf(4)).isEqualTo(0x6000);
    assertThat(s.isInvalid()).isFalse();
    assertThat(s.hasGuestMemfd()).isFalse();
    assertThat(s.isDirtyLogged()).isFalse();
  }

  @Test
  void aHugeLeafStandsWhereBothAddressesHaveTheSameOffset() {
    MemSlot apart = new MemSlot(0, 1, 512, 600, 0, 0x400000, null, 1024);
    assertThat(apart.allowsLevel(600, PageLevel.PG_2M, false)).isTrue();
    assertThat(apart.allowsLevel(600, PageLevel.PG_2M, true)).isTrue();
    assertThat(apart.allowsLevel(1100, PageLevel.PG_2M, false)).as("leaves the slot").isFalse();
    assertThat(apart.allowsLevel(511, PageLevel.PG_2M, false)).as("before the slot").isFalse();
    MemSlot whole = new MemSlot(0, 1, 512, 512, 0, 0x200000, null, 0);
    assertThat(whole.allowsLevel(1023, PageLevel.PG_2M, false)).isTrue();
    assertThat(whole.gmemPage()).isZero();
    assertThat(apart.gmemPage()).isEqualTo(1024);
    assertThat(apart.gmem()).isNull();
  }

  @Test
  void aDirtyPageIsThatPageAndNoOther() {
    DirtyBitmap log = new DirtyBitmap(130, false);
    assertThat(log.size()).isEqualTo(3);
    log.mark(5);
    log.mark(64);
    log.mark(129);
    for (long page = 0; page < 130; page++) {
      assertThat(log.isDirty(page))
          .as("page %d", page)
          .isEqualTo(page == 5 || page == 64 || page == 129);
    }
    assertThat(log.clear(0, 0xff)).isEqualTo(1L << 5);
    assertThat(log.isDirty(5)).isFalse();
    assertThat(log.clear(1, 2)).as("not under the mask").isZero();
    assertThat(log.isDirty(64)).isTrue();
  }

  @Test
  void aLogThatStartsFullKnowsItsEnd() {
    DirtyBitmap log = new DirtyBitmap(70, true);
    assertThat(log.word(0)).isEqualTo(-1);
    assertThat(log.word(1)).isEqualTo(0x3f);
    assertThat(log.clear(1, -1)).isEqualTo(0x3f);
    assertThat(log.word(1)).isZero();
    assertThat(log.isDirty(69)).isFalse();
    log.mark(69);
    assertThat(log.word(1)).isEqualTo(0x20);
    assertThat(log.isDirty(0)).isTrue();
    MemSlot slot = new MemSlot(0, 1, 100, 70, MemSlot.LOG_DIRTY, 0, null, 0).loggedIn(log);
    assertThat(slot.dirtyBitmap()).isSameAs(log);
    slot.markDirty(164, null);
    assertThat(log.word(1)).isEqualTo(0x21);
    new MemSlot(0, 1, 100, 70, 0, 0, null, 0).markDirty(100, null);
  }
}
