package com.example.cove.tsm;

import java.util.Map;
import java.util.TreeMap;

/**
 * What the ranges of a TVM's address space are for: confidential memory (declared by the host),
 * shared with the host or emulated (both declared by the guest). With the G-stage entry behind an
 * address it gives the address's state: CoVE, "GPA states". Used under the TVM's lock.
 */
final class GpaRegions {
  /** Kinds of ranges. */
  enum Kind {
    /** Nobody declared it: UNMAPPED. */
    NONE,
    /** MAPPABLE, MAPPED, UNSHARED. */
    CONFIDENTIAL,
    /** SHAREABLE, SHARED, MAPPED_SHAREABLE. */
    SHARED,
    /** MMIO. */
    MMIO
  }

  private final TreeMap<Long, Range> ranges = new TreeMap<>();

  private record Range(long end, Kind kind) {}

  Kind at(long gpa) {
    Map.Entry<Long, Range> e = ranges.floorEntry(gpa);
    return e == null || gpa >= e.getValue().end() ? Kind.NONE : e.getValue().kind();
  }

  /** Tells whether every byte of a range is of one kind. */
  boolean all(long from, long to, Kind kind) {
    long at = from;
    while (at < to) {
      if (at(at) != kind) {
        return false;
      }
      at = endOf(at);
    }
    return true;
  }

  /** Tells whether no byte of a range was declared. */
  boolean none(long from, long to) {
    Map.Entry<Long, Range> next = ranges.ceilingEntry(from);
    return at(from) == Kind.NONE && (next == null || next.getKey() >= to);
  }

  private long endOf(long gpa) {
    Map.Entry<Long, Range> e = ranges.floorEntry(gpa);
    return e == null ? gpa + 1 : e.getValue().end();
  }

  /** Makes a range of one kind, whatever it was. */
  void set(long from, long to, Kind kind) {
    cut(from);
    cut(to);
    ranges.subMap(from, to).clear();
    if (kind != Kind.NONE) {
      ranges.put(from, new Range(to, kind));
    }
  }

  private void cut(long at) {
    Map.Entry<Long, Range> e = ranges.lowerEntry(at);
    if (e != null && e.getValue().end() > at) {
      Range whole = e.getValue();
      ranges.put(e.getKey(), new Range(at, whole.kind()));
      ranges.put(at, whole);
    }
  }

  /** Forgets every range of a kind that overlaps another range; tells whether there was one. */
  boolean removeOverlapping(long from, long to, Kind kind) {
    Map.Entry<Long, Range> before = ranges.lowerEntry(from);
    long start = before != null && before.getValue().end() > from ? before.getKey() : from;
    return ranges.subMap(start, to).values().removeIf(r -> r.kind() == kind);
  }
}
