package dev.cocovisor.explore;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A search that is made in portions, by whoever has time for one: the portions' slices together are
 * what {@link Explorer#explore} makes alone, in whatever order and on however many machines.
 *
 * <p>A search begins with {@link Portion#FIRST}. What a slice leaves over are portions again. When
 * none is left, {@link #again} says whether the slices learnt of places that are shared and were
 * not known to be; then all is searched once more with them. Threads may make portions at the same
 * time.
 */
public final class Portions {
  private final Explorer explorer;
  private final Limits limits;
  private final Subject subject;
  private final Search search;
  private final Explorer.Right right;

  Portions(Explorer explorer, Limits limits, Subject subject, Search search, Explorer.Right right) {
    if (!isPortioned(search)) {
      throw new IllegalArgumentException(search + " is not made in portions");
    }
    this.explorer = explorer;
    this.limits = limits;
    this.subject = subject;
    this.search = search;
    this.right = right;
  }

  /** Tells whether a search has portions: those that go through all schedules within a bound. */
  public static boolean isPortioned(Search search) {
    return search instanceof Search.Preemptions
        || search instanceof Search.Choices
        || search instanceof Search.Delays;
  }

  /**
   * Makes executions of a portion until it is done or something broke.
   *
   * @param most how many at the most, from 1
   */
  public Slice make(Portion portion, long most) {
    BoundedSearch part =
        BoundedSearch.portion(
            search, Shared.parse(List.of(portion.shared())), ChoicePath.parse(portion.way()));
    Sweep.Result seen =
        new Sweep(
                subject,
                limits.withSchedules(most),
                1,
                x -> x.pruned() ? x.broken() : Explorer.whatBroke(x, right))
            .notingPairs(explorer.notesPairs())
            .once(part);
    var findings = new ArrayList<Finding>();
    for (Sweep.Caught c : seen.caught()) {
      findings.add(explorer.minimised(subject, search, c, right));
    }
    List<Portion> rest =
        seen.complete() || !findings.isEmpty()
            ? List.of()
            : part.rest().stream().map(p -> new Portion(portion.shared(), p.text())).toList();
    return new Slice(
        seen.schedules(),
        seen.steps(),
        seen.outcomes(),
        seen.pairs(),
        findings,
        rest,
        part.learnt(),
        right.whole());
  }

  /**
   * Says, when no portion is left, whether to begin again.
   *
   * @param shared what was known
   * @param learnt what the slices learnt
   * @return null if the search is over
   */
  public static @Nullable Portion again(String shared, Collection<String> learnt) {
    if (learnt.stream().allMatch(String::isEmpty)) {
      return null;
    }
    var all = new ArrayList<String>(learnt);
    all.add(shared);
    return new Portion(Shared.parse(all).text(), "");
  }
}
