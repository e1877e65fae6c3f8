package dev.cocovisor.core.mem;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** The radix tree beside a sorted map. */
class LongRadixTest {
  /** Indices that lie close, in neighbouring nodes, and far apart. */
  private static long index(Random r) {
    return switch (r.nextInt(4)) {
      case 0 -> r.nextInt(600);
      case 1 -> (long) r.nextInt(600) << 9;
      case 2 -> r.nextLong() >>> (10 + r.nextInt(50));
      default -> (r.nextLong() >>> (10 + r.nextInt(50))) & -512;
    };
  }

  private static void same(LongRadix radix, NavigableMap<Long, Long> map, long from, long end) {
    Long next = map.ceilingKey(from);
    assertThat(radix.next(from, end)).isEqualTo(next == null || next >= end ? -1 : next);
  }

  @Test
  void anEmptyMapHasNothing() {
    var radix = new LongRadix();
    assertThat(radix.get(0)).isZero();
    assertThat(radix.get(Long.MAX_VALUE)).isZero();
    assertThat(radix.next(0, Long.MAX_VALUE)).isEqualTo(-1);
    radix.set(7, 0);
    assertThat(radix.setBits(7, 1)).isFalse();
  }

  @Test
  void itHoldsAndFindsWhatASortedMapDoes() {
    for (int seed = 0; seed < 60; seed++) {
      var r = new Random(seed);
      var radix = new LongRadix();
      var map = new TreeMap<Long, Long>();
      for (int i = 0; i < 60; i++) {
        long at = index(r);
        long value = r.nextInt(4);
        radix.set(at, value);
        if (value == 0) {
          map.remove(at);
        } else {
          map.put(at, value);
        }
        long from = index(r);
        assertThat(radix.get(from)).isEqualTo(map.getOrDefault(from, 0L));
        same(radix, map, from, Long.MAX_VALUE);
        same(radix, map, from, from + (1L << r.nextInt(40)));
        same(radix, map, at, at + 1);
        same(radix, map, 0, Long.MAX_VALUE);
      }
    }
  }
}
