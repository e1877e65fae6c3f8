package dev.cocovisor.api.view;

import java.util.Set;
import org.apiguardian.api.API;

/**
 * Pages in a row of which the same is to be said.
 *
 * @param first the first page: a gfn, or a pfn
 * @param pages how many, from 1
 * @param order log2 of the pages of one entry or page; the span holds whole ones
 * @param leadsTo where the first page leads to, the others follow it; -1 for nowhere
 * @param kind what they are
 * @param state the same in words
 * @param marks what else is to be said
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public record Span(
    long first,
    long pages,
    int order,
    long leadsTo,
    EntryKind kind,
    String state,
    Set<Mark> marks) {
  /** Keeps a copy of the marks. */
  public Span {
    marks = Set.copyOf(marks);
  }

  /** Returns the page behind the last. */
  public long end() {
    return first + pages;
  }

  /** Tells whether another span says the same of its pages, wherever they are. */
  public boolean saysTheSame(Span other) {
    return order == other.order
        && kind == other.kind
        && state.equals(other.state)
        && marks.equals(other.marks);
  }

  /** Tells whether another span follows without a gap, says the same and leads on. */
  public boolean continues(Span next) {
    boolean leadsOn =
        leadsTo < 0 ? next.leadsTo < 0 : next.leadsTo >= 0 && leadsTo + pages == next.leadsTo;
    return end() == next.first && leadsOn && saysTheSame(next);
  }

  /** Returns the part that lies in a half-open range, which it must meet. */
  public Span within(long from, long to) {
    long start = Math.max(first, from);
    long stop = Math.min(end(), to);
    return new Span(
        start, stop - start, order, leadsTo < 0 ? -1 : leadsTo + start - first, kind, state, marks);
  }
}
