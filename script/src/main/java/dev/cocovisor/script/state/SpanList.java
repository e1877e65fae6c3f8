package dev.cocovisor.script.state;

import dev.cocovisor.api.view.EntryKind;
import dev.cocovisor.api.view.Span;
import dev.cocovisor.api.view.TableSink;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Collects spans in any order; neighbours that say the same become one. */
final class SpanList implements TableSink.Entries {
  private final List<Span> spans = new ArrayList<>();
  private boolean sorted = true;

  @Override
  public void entries(
      long first, long pages, int order, long leadsTo, EntryKind kind, String state) {
    add(new Span(first, pages, order, leadsTo, kind, state, Set.of()));
  }

  void add(Span span) {
    if (!spans.isEmpty()) {
      Span last = spans.getLast();
      if (last.continues(span)) {
        spans.set(spans.size() - 1, joined(last, span));
        return;
      }
      sorted &= last.end() <= span.first();
    }
    spans.add(span);
  }

  private static Span joined(Span a, Span b) {
    return new Span(
        a.first(), a.pages() + b.pages(), a.order(), a.leadsTo(), a.kind(), a.state(), a.marks());
  }

  /** Returns the spans in ascending order. */
  List<Span> take() {
    if (sorted) {
      return spans;
    }
    spans.sort(Comparator.comparingLong(Span::first));
    var joined = new SpanList();
    long end = Long.MIN_VALUE;
    for (Span s : spans) {
      // Of what is said twice the first stands.
      if (s.first() >= end) {
        joined.add(s);
        end = s.end();
      }
    }
    return joined.spans;
  }

  /** Finds the span that holds a page in an ascending list; null where none does. */
  static @Nullable Span at(List<Span> spans, long page) {
    int lo = 0;
    int hi = spans.size() - 1;
    while (lo <= hi) {
      int mid = (lo + hi) >>> 1;
      Span s = spans.get(mid);
      if (page < s.first()) {
        hi = mid - 1;
      } else if (page >= s.end()) {
        lo = mid + 1;
      } else {
        return s;
      }
    }
    return null;
  }
}
