package dev.cocovisor.script.generate;

import java.util.Arrays;
import java.util.function.Predicate;

/** Finds a short, low sequence of choices that still fails: drop chunks, then lower numbers. */
final class Shrinker {
  private Shrinker() {}

  static int[] shrink(int[] failing, Predicate<int[]> stillFails) {
    int[] best = failing;
    boolean better = true;
    while (better) {
      better = false;
      for (int chunk = Math.max(1, best.length / 2); chunk >= 1; chunk /= 2) {
        for (int from = 0; from + chunk <= best.length; ) {
          int[] shorter = without(best, from, chunk);
          if (stillFails.test(shorter)) {
            best = shorter;
            better = true;
          } else {
            from += chunk;
          }
        }
      }
      for (int i = 0; i < best.length; i++) {
        for (int low = 0; low < best[i]; low = low * 2 + 1) {
          int[] lower = best.clone();
          lower[i] = low;
          if (stillFails.test(lower)) {
            best = lower;
            better = true;
            break;
          }
        }
      }
    }
    return best;
  }

  private static int[] without(int[] a, int from, int count) {
    int[] r = Arrays.copyOf(a, a.length - count);
    System.arraycopy(a, from + count, r, from, a.length - from - count);
    return r;
  }
}
