package dev.cocovisor.explore;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * All schedules within a bound, depth first.
 *
 * <p>With preemptions bounded, a part that can go on is interrupted at most so often; where it
 * cannot, or asks for another to go, any other may. A preemption is tried only before a step whose
 * place another part touches so that the order matters: before any other step it makes no
 * difference whether the part is interrupted there or one step later. Which places those are is
 * learnt from the executions: a first search interrupts nobody, each later one knows all that was
 * touched in those before, until one teaches nothing new. So in the end every schedule within the
 * bound has been made or equals one that was, with no more preemptions, and what is made does not
 * depend on which was first. Sleep sets are left out here, since the equal schedule that they rely
 * on may have more preemptions than the bound allows.
 *
 * <p>With delays bounded, each choice of another than the first in line costs as many delays as it
 * passes over.
 */
final class BoundedSearch implements Strategy {
  /** So many parts of what is left are given away at the most; the last keeps the rest itself. */
  private static final int GIVEN_AWAY = 7;

  private final int bound;
  private final boolean delays;
  private final int mostChoices;
  private final Shared shared;
  private final Shared.Learnt learnt = new Shared.Learnt();
  private final ChoicePath path;
  private int spent;
  private int chosen;
  private boolean first = true;

  private BoundedSearch(
      int bound, boolean delays, int mostChoices, Shared shared, ChoicePath path) {
    this.bound = bound;
    this.delays = delays;
    this.mostChoices = mostChoices;
    this.shared = shared;
    this.path = path;
  }

  private BoundedSearch(int bound, boolean delays, int mostChoices) {
    this(bound, delays, mostChoices, Shared.none(), new ChoicePath());
  }

  /** Searches all schedules with at most {@code bound} preemptions. */
  static BoundedSearch preemptions(int bound) {
    return new BoundedSearch(bound, false, 0);
  }

  /**
   * As {@link #preemptions}, with at most {@code choices} answers other than the ordinary where the
   * model leaves something open.
   */
  static BoundedSearch preemptions(int bound, int choices) {
    return new BoundedSearch(bound, false, choices);
  }

  /** Searches all schedules with at most {@code bound} delays. */
  static BoundedSearch delays(int bound) {
    return new BoundedSearch(bound, true, 0);
  }

  /**
   * Returns the part of a search that is told by where it begins and what is shared; it does not
   * search again with what it learns.
   */
  static BoundedSearch portion(Search of, Shared shared, ChoicePath path) {
    return switch (of) {
      case Search.Preemptions p -> new BoundedSearch(p.bound(), false, 0, shared, path);
      case Search.Choices c -> new BoundedSearch(c.bound(), false, c.choices(), shared, path);
      case Search.Delays d -> new BoundedSearch(d.bound(), true, 0, shared, path);
      default -> throw new IllegalArgumentException(of + " is not made in portions");
    };
  }

  /** Returns what was touched that is not known as shared yet, as text. */
  String learnt() {
    return learnt.beyond(shared);
  }

  /**
   * Returns where all that is left begins, in few parts, the first of it first. Ends this search. A
   * part for each fork that is open would be hundreds of ways of thousands of forks, most of them
   * with next to nothing behind.
   */
  List<ChoicePath> rest() {
    var rest = new ArrayList<ChoicePath>();
    for (ChoicePath more = path.split(); more != null; more = path.split()) {
      rest.addFirst(more);
      if (rest.size() == GIVEN_AWAY) {
        break;
      }
    }
    rest.addFirst(path);
    return rest;
  }

  @Override
  public String name() {
    return (delays ? "delays " : "bound ") + bound;
  }

  @Override
  public void begin() {
    path.begin();
    spent = 0;
    chosen = 0;
    learnt.begin();
  }

  @Override
  public void step(ScheduleStep s) {
    // Up to the fork where it turns off an execution is the one before, which taught that already.
    if (first || !path.isKnown()) {
      learnt.add(s);
    }
  }

  @Override
  public int next(Execution x, int[] options, int n, int running, boolean yields) {
    if (!path.isKnown()) {
      path.fork(open(x, options, n, running, yields));
    }
    int index = path.index();
    int next = path.take();
    boolean preempts = running >= 0 && next != running && !yields && next != options[0];
    spent += delays ? index : preempts ? 1 : 0;
    return next;
  }

  private int[] open(Execution x, int[] options, int n, int running, boolean yields) {
    int[] all = Arrays.copyOf(options, n);
    if (delays) {
      return Arrays.copyOf(all, Math.min(n, bound - spent + 1));
    }
    if (running < 0) {
      return all;
    }
    if (yields) {
      // Whoever retries lets others go first.
      System.arraycopy(options, 1, all, 0, n - 1);
      all[n - 1] = options[0];
      return all;
    }
    boolean may = spent < bound && conflicts(x.pending(running));
    return may ? all : new int[] {running};
  }

  private boolean conflicts(ScheduleStep s) {
    return shared.conflicts(learnt.key(s), s);
  }

  @Override
  public int choose(Execution x, int ways) {
    if (chosen >= mostChoices) {
      return 0;
    }
    if (!path.isKnown()) {
      path.fork(IntStream.range(0, ways).toArray());
    }
    int way = path.take();
    chosen += way == 0 ? 0 : 1;
    return way;
  }

  @Override
  public boolean ended(Execution x) {
    first = false;
    return path.advance();
  }

  @Override
  public boolean exhaustive() {
    return true;
  }

  @Override
  public @Nullable Strategy split() {
    ChoicePath rest = path.split();
    return rest == null ? null : new BoundedSearch(bound, delays, mostChoices, shared, rest);
  }

  @Override
  public @Nullable Strategy again(List<Strategy> parts) {
    if (delays) {
      return null;
    }
    Shared more = shared.with(parts.stream().map(p -> ((BoundedSearch) p).learnt).toList());
    return more == null
        ? null
        : new BoundedSearch(bound, false, mostChoices, more, new ChoicePath());
  }
}
