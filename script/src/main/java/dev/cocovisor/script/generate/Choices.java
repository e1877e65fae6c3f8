package dev.cocovisor.script.generate;

import java.util.Arrays;

/**
 * A program as a sequence of small numbers: made from a seed (SplitMix64, so that a seed names a
 * program for good), or read from a sequence that was made before and perhaps shortened. Every
 * sequence gives a program, which is what makes shrinking easy.
 */
public final class Choices {
  private final int[] given;
  private final boolean grows;
  private final ProgramSeed seed;
  private int part;
  private long state;
  private int[] made = new int[64];
  private int count;

  /** Choices that go on for ever. */
  public Choices(long seed) {
    this(ProgramSeed.of(seed));
  }

  /** Choices that go on for ever. */
  Choices(ProgramSeed seed) {
    this(seed, new int[0], true);
  }

  private Choices(ProgramSeed seed, int[] given, boolean grows) {
    this.seed = seed;
    this.state = seed.seed(0);
    this.given = given;
    this.grows = grows;
  }

  /** Choices that were made before; behind their end they are 0. */
  static Choices again(int[] sequence) {
    return new Choices(ProgramSeed.of(0), sequence, false);
  }

  private long next() {
    if (part + 1 < seed.parts() && count >= seed.from(part + 1)) {
      part++;
      state = seed.seed(part);
    }
    long z = state += 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  /** Returns a number from 0 up to but without {@code bound}. */
  public int below(int bound) {
    int c = 0;
    if (grows) {
      c = (int) Long.remainderUnsigned(next(), bound);
    } else if (count < given.length) {
      c = Math.floorMod(given[count], bound);
    }
    if (count == made.length) {
      made = Arrays.copyOf(made, count * 2);
    }
    made[count++] = c;
    return c;
  }

  /** Returns true about {@code percent} times in a hundred; the lowest choice is false. */
  public boolean percent(int percent) {
    return below(100) >= 100 - percent;
  }

  /** Returns one of the values. */
  public long of(long... values) {
    return values[below(values.length)];
  }

  /** Tells whether a given sequence is used up. */
  boolean exhausted() {
    return !grows && count >= given.length;
  }

  /** Returns how many choices were made so far. */
  int count() {
    return count;
  }

  /** Returns the choices made so far. */
  int[] sequence() {
    return Arrays.copyOf(made, count);
  }
}
