package dev.cocovisor.core.attr;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.PageLevel;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AttributeRunsTest {
  private static final int SPAN = 1 << 20;

  @Test
  void everythingIsZeroAtFirstWhateverTheGfn() {
    AttributeRuns t = new AttributeRuns();
    assertThat(t.get(0)).isZero();
    assertThat(t.get(1L << 51)).isZero();
    assertThat(t.isUniform(1L << 51, PageLevel.PG_1G)).isTrue();
    assertThat(t.rangeIs(0, 1L << 52, 0xff, 0)).isTrue();
    assertThat(t.rangeIs(0, 1L << 52, 0xff, 8)).isFalse();
  }

  @Test
  void agreesWithAnArrayOnRandomRanges() {
    for (long seed = 1; seed <= 30; seed++) {
      Random random = new Random(seed);
      AttributeRuns tree = new AttributeRuns();
      byte[] naive = new byte[SPAN];
      for (int step = 0; step < 60; step++) {
        int start = edge(random);
        int end = Math.min(SPAN, Math.max(start + 1, edge(random)));
        int value = random.nextBoolean() ? 8 : 0;
        tree.set(start, end, value);
        Arrays.fill(naive, start, end, (byte) value);
        compare(tree, naive, random, "seed " + seed + " step " + step);
      }
    }
  }

  /** Ends near page, 2 MiB and 1 GiB boundaries, where runs go wrong. */
  private static int edge(Random random) {
    int unit =
        switch (random.nextInt(4)) {
          case 0 -> 1;
          case 1 -> 512;
          case 2 -> 1 << 18;
          default -> 7;
        };
    int at = random.nextInt(SPAN / unit) * unit + random.nextInt(3) - 1;
    return Math.clamp(at, 0, SPAN - 1);
  }

  private static void compare(AttributeRuns tree, byte[] naive, Random random, String what) {
    for (int k = 0; k < 40; k++) {
      int gfn = edge(random);
      assertThat(tree.get(gfn)).as(what + " gfn %d", gfn).isEqualTo(naive[gfn]);
      for (PageLevel level : new PageLevel[] {PageLevel.PG_4K, PageLevel.PG_2M, PageLevel.PG_1G}) {
        int first = (int) level.alignDown(gfn);
        assertThat(tree.isUniform(gfn, level))
            .as(what + " uniform %d %s", gfn, level)
            .isEqualTo(uniform(naive, first, first + (int) level.pages()));
      }
      int end = Math.min(SPAN, gfn + 1 + random.nextInt(2000));
      boolean zero = uniform(naive, gfn, end) && naive[gfn] == 0;
      assertThat(tree.rangeIs(gfn, end, 0xff, 0)).as(what + " range").isEqualTo(zero);
      boolean eight = uniform(naive, gfn, end) && naive[gfn] == 8;
      assertThat(tree.rangeIs(gfn, end, 8, 8)).as(what + " range of 8").isEqualTo(eight);
      assertThat(tree.countSet(gfn, end)).as(what + " count").isEqualTo(count(naive, gfn, end));
    }
  }

  private static long count(byte[] naive, int from, int to) {
    long n = 0;
    for (int i = from; i < to; i++) {
      n += naive[i] == 0 ? 0 : 1;
    }
    return n;
  }

  private static boolean uniform(byte[] naive, int from, int to) {
    return Arrays.mismatch(naive, from, to - 1, naive, from + 1, to) < 0;
  }

  @Test
  void aRangeCostsItsBoundariesAndFoldsAwayAgain() {
    AttributeRuns t = new AttributeRuns();
    long half = 1L << 27;
    for (int i = 0; i < 100; i++) {
      t.set(1, half - 1, 8);
      assertThat(t.boundaries()).isEqualTo(3);
      t.set(0, half, 8);
      t.set(0, half, 0);
      assertThat(t.boundaries()).isEqualTo(1);
    }
  }

  @Test
  void growsToTheEndOfTheAddressSpaceAndKeepsWhatItHad() {
    AttributeRuns t = new AttributeRuns();
    t.set(5, 6, 8);
    t.set((1L << 52) - 3, 1L << 52, 8);
    assertThat(t.get(5)).isEqualTo(8);
    assertThat(t.get(6)).isZero();
    assertThat(t.get((1L << 52) - 3)).isEqualTo(8);
    assertThat(t.get((1L << 52) - 4)).isZero();
    assertThat(t.isUniform(0, PageLevel.PG_2M)).isFalse();
  }

  @Test
  void countsAndRangesEndWhereTheTreeDoes() {
    AttributeRuns t = new AttributeRuns();
    long covered = 1L << 36;
    t.set(covered - 2, covered, 8);
    assertThat(t.countSet(0, 1L << 52)).isEqualTo(2);
    assertThat(t.countSet(covered - 1, covered)).isEqualTo(1);
    assertThat(t.countSet(covered, covered + 5)).isZero();
    assertThat(t.countSet(covered - 3, covered + 3)).isEqualTo(2);
    assertThat(t.rangeIs(covered - 2, covered, 8, 8)).isTrue();
    assertThat(t.rangeIs(covered - 2, covered + 1, 8, 8)).as("nothing is set behind").isFalse();
    assertThat(t.rangeIs(covered, covered + 9, 8, 0)).isTrue();
    assertThat(t.rangeIs(covered, covered + 9, 8, 8)).isFalse();
    assertThat(t.rangeIs(covered - 1, covered + 9, 8, 0)).isFalse();
    assertThat(t.get(covered)).isZero();
    assertThat(t.get(covered - 1)).isEqualTo(8);
    assertThat(t.isUniform(covered, PageLevel.PG_1G)).isTrue();
    assertThat(t.isUniform(covered - 1, PageLevel.PG_1G)).isFalse();
    t.set(covered, covered + 1, 8);
    assertThat(t.countSet(0, 1L << 52)).isEqualTo(3);
    assertThat(t.get(covered - 1)).isEqualTo(8);
    assertThat(t.get(covered + 1)).isZero();
    assertThat(t.rangeIs(covered - 2, covered + 1, 8, 8)).isTrue();
  }

  @Test
  void neighboursThatAgreeAreOneRun() {
    AttributeRuns t = new AttributeRuns();
    t.set(0, 1L << 36, 8);
    assertThat(t.boundaries()).isEqualTo(2);
    t.set((1L << 36) + 512, (1L << 36) + 1024, 8);
    assertThat(t.get(5)).isEqualTo(8);
    assertThat(t.countSet(0, 1L << 37)).isEqualTo((1L << 36) + 512);
    assertThat(t.isUniform((1L << 36) + 512, PageLevel.PG_2M)).isTrue();
    t.set(0, 1L << 45, 0);
    assertThat(t.boundaries()).isEqualTo(1);
  }

  @Test
  void aStoreThatCannotCountIsCountedGfnByGfn() {
    AttributeRuns tree = new AttributeRuns();
    tree.set(10, 20, 8);
    AttributeStore plain =
        new AttributeStore() {
          @Override
          public int get(long gfn) {
            return tree.get(gfn);
          }

          @Override
          public boolean isUniform(long gfn, PageLevel level) {
            return tree.isUniform(gfn, level);
          }

          @Override
          public boolean rangeIs(long start, long end, int mask, int want) {
            return tree.rangeIs(start, end, mask, want);
          }

          @Override
          public void set(long start, long end, int value) {
            tree.set(start, end, value);
          }
        };
    assertThat(plain.countSet(0, 15)).isEqualTo(5);
    assertThat(plain.countSet(19, 30)).isEqualTo(1);
    assertThat(plain.countSet(20, 30)).isZero();
  }

  /** One page here and there: what a hostile or fragmented guest makes. */
  @Test
  void isolatedPagesAreTwoBoundariesAndGoAgain() {
    AttributeRuns t = new AttributeRuns();
    int pages = 5_000;
    long far = 1L << 19;
    for (int i = 0; i < pages; i++) {
      // From both ends to the middle, so that chunks split everywhere.
      long at = (i % 2 == 0 ? i : 2L * pages - i) * far;
      t.set(at + 1, at + 2, 8);
    }
    assertThat(t.boundaries()).isEqualTo(2L * pages + 1);
    assertThat(t.countSet(0, 1L << 52)).isEqualTo(pages);
    assertThat(t.get(2 * far + 1)).isEqualTo(8);
    assertThat(t.get(2 * far + 2)).isZero();
    for (int i = 0; i < pages; i++) {
      long at = (i % 2 == 0 ? i : 2L * pages - i) * far;
      t.set(at, at + far, 0);
    }
    assertThat(t.boundaries()).isEqualTo(1);
  }

  @Test
  void anEmptyRangeIsAProgrammingError() {
    AttributeRuns t = new AttributeRuns();
    assertThatThrownBy(() -> t.set(4, 4, 8)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> t.set(4, 5, 256)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> t.set(4, 5, -1)).isInstanceOf(IllegalArgumentException.class);
    t.set(4, 5, 255);
    assertThat(t.get(4)).isEqualTo(255);
  }
}
