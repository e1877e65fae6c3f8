package dev.cocovisor.live.log;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;

/** A set of addresses, held as ranges [start, end) that neither touch nor overlap. Unsigned. */
final class Ranges {
  private final TreeMap<Long, Long> ends = new TreeMap<>(Long::compareUnsigned);

  /** Adds [from, to); nothing if it is empty or wraps. */
  void add(long from, long to) {
    if (Long.compareUnsigned(from, to) >= 0) {
      return;
    }
    long start = from;
    long end = to;
    Map.Entry<Long, Long> e = ends.floorEntry(end);
    while (e != null && Long.compareUnsigned(e.getValue(), start) >= 0) {
      start = min(start, e.getKey());
      end = max(end, e.getValue());
      ends.remove(e.getKey());
      e = ends.floorEntry(end);
    }
    ends.put(start, end);
  }

  /** Takes [from, to) out. */
  void remove(long from, long to) {
    if (Long.compareUnsigned(from, to) >= 0) {
      return;
    }
    Map.Entry<Long, Long> e = ends.lowerEntry(to);
    while (e != null && Long.compareUnsigned(e.getValue(), from) > 0) {
      long start = e.getKey();
      long end = e.getValue();
      ends.remove(start);
      if (Long.compareUnsigned(start, from) < 0) {
        ends.put(start, from);
      }
      if (Long.compareUnsigned(to, end) < 0) {
        ends.put(to, end);
      }
      e = ends.lowerEntry(to);
    }
  }

  /** Tells whether any address of [from, to) is in the set. */
  boolean touches(long from, long to) {
    Map.Entry<Long, Long> e = ends.lowerEntry(to);
    return e != null && Long.compareUnsigned(e.getValue(), from) > 0;
  }

  /** Tells whether every address of [from, to) is in the set. */
  boolean holds(long from, long to) {
    Map.Entry<Long, Long> e = ends.floorEntry(from);
    return e != null && Long.compareUnsigned(e.getValue(), to) >= 0;
  }

  /** Calls back with each part of [from, to) that is not in the set, in order. */
  void gaps(long from, long to, BiConsumer<Long, Long> each) {
    long at = from;
    Map.Entry<Long, Long> e = ends.floorEntry(from);
    if (e != null && Long.compareUnsigned(e.getValue(), at) > 0) {
      at = e.getValue();
    }
    for (Map.Entry<Long, Long> next : ends.tailMap(from, false).entrySet()) {
      if (Long.compareUnsigned(at, to) >= 0 || Long.compareUnsigned(next.getKey(), to) >= 0) {
        break;
      }
      each.accept(at, next.getKey());
      at = next.getValue();
    }
    if (Long.compareUnsigned(at, to) < 0) {
      each.accept(at, to);
    }
  }

  private static long min(long a, long b) {
    return Long.compareUnsigned(a, b) < 0 ? a : b;
  }

  private static long max(long a, long b) {
    return Long.compareUnsigned(a, b) < 0 ? b : a;
  }
}
