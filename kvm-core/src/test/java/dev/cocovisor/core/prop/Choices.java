package dev.cocovisor.core.prop;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Predicate;

/**
 * A program as a sequence of small numbers. Generating reads the sequence (and grows it from a
 * seed); shrinking changes the sequence and generates again, so that every shrunk program is valid.
 */
final class Choices {
  private final List<Integer> made = new ArrayList<>();
  private final int[] given;
  private final Random random;
  private final boolean grows;

  private Choices(int[] given, Random random, boolean grows) {
    this.given = given;
    this.random = random;
    this.grows = grows;
  }

  static Choices fromSeed(long seed) {
    return new Choices(new int[0], new Random(seed), true);
  }

  static Choices replay(int[] sequence) {
    return new Choices(sequence, new Random(0), false);
  }

  /** Picks 0 to n - 1; a replay that has run out picks 0. */
  int pick(int n) {
    int at = made.size();
    int c = at < given.length ? Math.floorMod(given[at], n) : grows ? random.nextInt(n) : 0;
    made.add(c);
    return c;
  }

  boolean exhausted() {
    return !grows && made.size() >= given.length;
  }

  int[] sequence() {
    return made.stream().mapToInt(Integer::intValue).toArray();
  }

  /** Finds a short, low sequence that still fails: drop chunks, then lower numbers. */
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
