package dev.cocovisor.cli.run;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.management.MemoryUsage;

/**
 * Tells that the heap is nearly gone before it is: while a collection still finds a little room,
 * there is time to say where a run stood. What cannot be had at once is still an OutOfMemoryError.
 */
final class HeapGuard {
  /** Of what a collection left over of the largest pool, this much in a hundred is too much. */
  private static final long PERCENT = 92;

  private HeapGuard() {}

  /** Tells whether the last collection left hardly any room. Cheap as long as there is plenty. */
  static boolean nearlyGone() {
    Runtime jvm = Runtime.getRuntime();
    long used = jvm.totalMemory() - jvm.freeMemory();
    if (used < jvm.maxMemory() / 100 * 85) {
      return false;
    }
    for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
      MemoryUsage left = pool.getType() == MemoryType.HEAP ? pool.getCollectionUsage() : null;
      if (left != null
          && left.getMax() > jvm.maxMemory() / 2
          && left.getUsed() > left.getMax() / 100 * PERCENT) {
        return true;
      }
    }
    return false;
  }

  /** Returns how much there is and how to give more. */
  static String text() {
    return (Runtime.getRuntime().maxMemory() >> 20)
        + " MiB; give it more by COCOVISOR_OPTS=-Xmx8g, or ask for less";
  }
}
