package dev.cocovisor.report.model;

import dev.cocovisor.api.view.Span;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Finds what changed between two states of a strip. */
final class StripDelta {
  private StripDelta() {}

  /** Sees a range that says something else than before. */
  @FunctionalInterface
  interface Change {
    /**
     * Sees one range, half-open.
     *
     * @param now what it says now, cut to the range; null where it says nothing any more
     */
    void range(long from, long to, @Nullable Span now);
  }

  /** Visits the ranges that differ, ascending; both lists are ascending and without overlap. */
  static void between(List<Span> old, List<Span> now, Change change) {
    int i = 0;
    int j = 0;
    long at = Long.MIN_VALUE;
    while (i < old.size() || j < now.size()) {
      Span a = i < old.size() ? old.get(i) : null;
      Span b = j < now.size() ? now.get(j) : null;
      boolean inA = a != null && a.first() <= at;
      boolean inB = b != null && b.first() <= at;
      long next = Math.min(edge(a, inA), edge(b, inB));
      if ((inA || inB) && !(inA && inB && same(a, b, at))) {
        change.range(at, next, inB && b != null ? b.within(at, next) : null);
      }
      at = next;
      i += a != null && a.end() <= at ? 1 : 0;
      j += b != null && b.end() <= at ? 1 : 0;
    }
  }

  private static long edge(@Nullable Span s, boolean inside) {
    return s == null ? Long.MAX_VALUE : inside ? s.end() : s.first();
  }

  private static boolean same(@Nullable Span a, @Nullable Span b, long at) {
    return a != null && b != null && a.saysTheSame(b) && leads(a, at) == leads(b, at);
  }

  private static long leads(Span s, long at) {
    return s.leadsTo() < 0 ? -1 : s.leadsTo() + at - s.first();
  }
}
