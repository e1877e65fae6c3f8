package dev.cocovisor.core.log;

/** A reproducible sequence of choices (SplitMix64), so that a seed names a program for good. */
final class Choices {
  private long state;

  Choices(long seed) {
    state = seed;
  }

  private long next() {
    long z = state += 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  /** Returns a number from 0 up to but without {@code bound}. */
  int below(int bound) {
    return (int) Long.remainderUnsigned(next(), bound);
  }

  /** Returns true about {@code percent} times in a hundred. */
  boolean percent(int percent) {
    return below(100) < percent;
  }

  /** Returns one of the values. */
  long of(long... values) {
    return values[below(values.length)];
  }
}
