package dev.cocovisor.tdx.module.pamt;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A number that many processors change all the time and few read: one count in a cache line for
 * each of a few groups of processors.
 *
 * <p>Counts the sharers of a lock that every call on a TD takes, which in a single word would make
 * the vCPUs of the TD wait for each other's cache line. A processor changes its own count only, so
 * the sum is right once nobody changes any, and zero means that nobody shares. Thread-safe.
 */
public final class Sharers {
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

  /** Tells whether all counts are zero; exact while those who would add hold back. */
  public boolean none() {
    for (int g = 0; g < GROUPS; g++) {
      if ((long) COUNT.getVolatile(counts, index(g)) != 0) {
        return false;
      }
    }
    return true;
  }

  /** Returns the sum of all counts. */
  public long sum() {
    long n = 0;
    for (int g = 0; g < GROUPS; g++) {
      n += (long) COUNT.getVolatile(counts, index(g));
    }
    return n;
  }

  /** Tells whether exactly one is counted, in a group. */
  public boolean onlyOneIn(int group) {
    return (long) COUNT.getVolatile(counts, index(group)) == 1 && sum() == 1;
  }
}
