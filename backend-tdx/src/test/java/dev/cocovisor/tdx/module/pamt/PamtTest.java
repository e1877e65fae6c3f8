package dev.cocovisor.tdx.module.pamt;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Locks of entries: of 4 KiB whether their block was made or not, of large ones made exclusive. */
class PamtTest {
  private static final long BASE = 1L << 30;
  private static final long PAGE = BASE + 0x3000;
  private static final long LARGE = BASE;

  private final Pamt pamt = new Pamt(BASE, BASE + (1L << 30));
  private final PamtLocks a = new PamtLocks();
  private final PamtLocks b = new PamtLocks();

  @Test
  void whoSharesAPageOfAnUnmadeBlockKeepsThatPageAlone() {
    assertThat(a.lock(pamt, 0, PAGE, false)).isTrue();
    assertThat(b.lock(pamt, 0, PAGE, true)).isFalse();
    assertThat(b.lock(pamt, 0, PAGE + 0x1000, true)).isTrue();
    assertThat(b.lock(pamt, 0, PAGE, true)).as("the block is there now").isFalse();
    a.releaseAll();
    assertThat(b.lock(pamt, 0, PAGE, true)).isTrue();
    assertThat(a.lock(pamt, 0, PAGE, false)).isFalse();
  }

  @Test
  void twoShareAPageOfAnUnmadeBlock() {
    var c = new PamtLocks();
    assertThat(a.lock(pamt, 0, PAGE, false)).isTrue();
    assertThat(b.lock(pamt, 0, PAGE, false)).isTrue();
    a.releaseAll();
    assertThat(c.lock(pamt, 0, PAGE, true)).as("one is left").isFalse();
    assertThat(a.lock(pamt, 0, PAGE, false)).isTrue();
    b.releaseAll();
    assertThat(c.lock(pamt, 0, PAGE, true)).as("another one is left").isFalse();
    a.releaseAll();
    assertThat(c.lock(pamt, 0, PAGE, true)).isTrue();
  }

  @Test
  void sharingPagesThatNobodyUsesMakesNoBlocks() {
    var large = new Pamt(0, 1L << 40);
    long before = used();
    for (long hpa = 0; hpa < large.end(); hpa += 1L << 21) {
      assertThat(a.lock(large, 0, hpa, false)).isTrue();
      a.releaseAll();
    }
    // Blocks of 8 KiB would be 4 GiB.
    assertThat(used() - before).isLessThan(64L << 20);
    assertThat(large.sizeOf(0)).isZero();
  }

  private void upgradeIsForTheOnlySharer(int size) {
    var c = new PamtLocks();
    assertThat(a.lock(pamt, size, LARGE, false)).isTrue();
    assertThat(b.lock(pamt, size, LARGE, false)).isTrue();
    assertThat(a.upgradeNewest(pamt, size, LARGE)).as("b shares it too").isFalse();
    assertThat(c.lock(pamt, size, LARGE, true)).as("a shares it still").isFalse();
    assertThat(c.lock(pamt, size, LARGE, false)).as("and nobody has it alone").isTrue();
    b.releaseAll();
    assertThat(a.upgradeNewest(pamt, size, LARGE)).as("c shares it too").isFalse();
    c.releaseAll();
    assertThat(a.upgradeNewest(pamt, size, LARGE)).isTrue();
    assertThat(b.lock(pamt, size, LARGE, false)).as("a has it alone").isFalse();
    assertThat(c.lock(pamt, size, LARGE, true)).isFalse();
    a.releaseAll();
    assertThat(b.lock(pamt, size, LARGE, true)).as("nothing of a is left").isTrue();
    b.releaseAll();
    assertThat(c.lock(pamt, size, LARGE, false)).isTrue();
  }

  // TDX module 1.5.01, pamt_manager.c: sizes above are shared, the one that the page is in use at
  // is
  // exclusive.
  @Test
  void theOnlySharerOfALargeEntryCanHaveItAlone() {
    upgradeIsForTheOnlySharer(1);
  }

  @Test
  void theOnlySharerOfAGigabyteCanHaveItAlone() {
    upgradeIsForTheOnlySharer(2);
  }

  @Test
  void whoSharesAnEntryTwiceCannotHaveItAlone() {
    for (int size = 1; size <= 2; size++) {
      assertThat(a.lock(pamt, size, LARGE, false)).isTrue();
      assertThat(a.lock(pamt, size, LARGE, false)).isTrue();
      assertThat(a.upgradeNewest(pamt, size, LARGE)).as("size %d", size).isFalse();
      a.releaseAll();
      assertThat(b.lock(pamt, size, LARGE, true)).as("size %d", size).isTrue();
      b.releaseAll();
    }
  }

  // A TDR page's holds are listed, another's are in the entry's word.
  @Test
  void holdsOfAPageThatBecomesATdrKeepItFromBeingHadAlone() {
    pamt.setBepoch(0, PAGE, 0); // makes the block
    assertThat(a.lock(pamt, 0, PAGE, false)).isTrue();
    pamt.assign(0, PAGE, PageType.TDR, 0);
    assertThat(b.lock(pamt, 0, PAGE, false)).isTrue();
    a.releaseAll();
    assertThat(a.lock(pamt, 0, PAGE, true)).as("b's is listed").isFalse();
    assertThat(a.lock(pamt, 0, PAGE, false)).isTrue();
    b.releaseAll();
    assertThat(b.lock(pamt, 0, PAGE, true)).isFalse();
    a.releaseAll();
    assertThat(b.lock(pamt, 0, PAGE, true)).isTrue();
    assertThat(b.newestType()).isEqualTo(PageType.TDR);
    assertThat(a.lock(pamt, 0, PAGE, false)).isFalse();
  }

  @Test
  void oneListServesSeveralTables() {
    var above = new Pamt(BASE << 1, (BASE << 1) + BASE);
    assertThat(a.lock(pamt, 2, LARGE, false)).isTrue();
    assertThat(a.lock(above, 2, LARGE << 1, false)).isTrue();
    assertThat(a.lock(pamt, 1, LARGE, false)).isTrue();
    assertThat(b.lock(pamt, 2, LARGE, true)).isFalse();
    assertThat(b.lock(above, 2, LARGE << 1, true)).isFalse();
    assertThat(b.lock(above, 1, LARGE << 1, true)).as("another size").isTrue();
    a.releaseAll();
    assertThat(b.lock(above, 2, LARGE << 1, true)).isTrue();
  }

  private static long used() {
    System.gc();
    Runtime r = Runtime.getRuntime();
    return r.totalMemory() - r.freeMemory();
  }
}
