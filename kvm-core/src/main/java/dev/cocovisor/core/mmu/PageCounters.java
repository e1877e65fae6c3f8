package dev.cocovisor.core.mmu;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Leaves mapped, by level: pages_4k, pages_2m, pages_1g of the VM's statistics. Each CPU adds to a
 * cache line of its own, so that faults on different CPUs do not meet here.
 */
public final class PageCounters {
  private static final VarHandle CELL = MethodHandles.arrayElementVarHandle(long[].class);
  private static final int STRIPES = 8;
  private static final int LINE = 16;

  private final long[] cells = new long[(STRIPES + 1) * LINE];

  /** Adds {@code n} leaves of a level, 1 to 3; a negative number takes them away. */
  public void add(int level, long n, int cpu) {
    CELL.getAndAdd(cells, ((cpu & (STRIPES - 1)) + 1) * LINE + level, n);
  }

  /** Returns the leaves of a level, 1 to 3. */
  public long get(int level) {
    long sum = 0;
    for (int s = 1; s <= STRIPES; s++) {
      sum += (long) CELL.getOpaque(cells, s * LINE + level);
    }
    return sum;
  }

  void reset() {
    java.util.Arrays.fill(cells, 0);
  }
}
