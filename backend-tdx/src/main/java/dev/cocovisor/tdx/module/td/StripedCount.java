package dev.cocovisor.tdx.module.td;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A number that many processors change all the time and few read: one count in a cache line for
 * each of a few groups of processors. The sum is exact while nobody changes it. Thread-safe.
 */
public final class StripedCount {
  private static final VarHandle COUNT = MethodHandles.arrayElementVarHandle(long[].class);
  private static final int GROUPS = 8;

  /** Longs in two cache lines, since processors fetch them in pairs. */
  private static final int LINE = 16;

  private final long[] counts = new long[(GROUPS + 1) * LINE];

  /** Returns the group of a logical processor. */
  public static int group(int processor) {
    return (processor ^ processor >>> 3) & (GROUPS - 1);
  }

  private static int index(int group) {
    return (group + 1) * LINE;
  }

  /** Adds to the count of a group. */
  public void add(int group, long n) {
    COUNT.getAndAdd(counts, index(group), n);
  }

  /** Returns the sum of all counts. */
  public long sum() {
    long n = 0;
    for (int g = 0; g < GROUPS; g++) {
      n += (long) COUNT.getVolatile(counts, index(g));
    }
    return n;
  }
}
