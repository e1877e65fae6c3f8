package dev.cocovisor.tdx.module.pamt;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** An entry of 4 KiB is locked whether its block was made or not. */
class PamtTest {
  private static final long BASE = 1L << 30;
  private static final long PAGE = BASE + 0x3000;

  private final Pamt pamt = new Pamt(BASE, BASE + (1L << 30));
  private final PamtLocks a = new PamtLocks(0);
  private final PamtLocks b = new PamtLocks(1);

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
    var c = new PamtLocks(2);
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

  private static long used() {
    System.gc();
    Runtime r = Runtime.getRuntime();
    return r.totalMemory() - r.freeMemory();
  }
}
