package dev.cocovisor.explore;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Says which schedule comes next. Asked on the way through an execution, then told that it ended.
 */
interface Strategy {
  /** Returns how it is called in reports: {@code bound 2}, {@code dpor}, {@code pct seed=7}. */
  String name();

  /** Tells it that an execution begins. */
  default void begin() {}

  /**
   * Chooses who goes on.
   *
   * @param options the parts that can; the one that runs first where it can go on
   * @param n how many options there are, at least 2
   * @param running the part that runs, or -1 where it cannot go on or ended
   * @param yields whether the running part asked for another to go (a retry)
   * @return one of the options
   */
  int next(Execution x, int[] options, int n, int running, boolean yields);

  /** Chooses what happens where the model leaves something open; 0 is the ordinary. */
  default int choose(Execution x, int ways) {
    return 0;
  }

  /** Takes note of a step that is made now. */
  default void step(ScheduleStep s) {}

  /** Tells whether it looks at the steps of an execution when it has ended. */
  default boolean needsSteps() {
    return false;
  }

  /**
   * Returns the parts whose next step was made in another execution like this, so that it is not
   * made in this one unless another step matters to it; a bit each.
   */
  default int asleep() {
    return 0;
  }

  /** Takes note of an execution that came to its end; tells whether there is another to make. */
  boolean ended(Execution x);

  /** Tells whether, if {@link #ended} says there is no other, that is all there are. */
  default boolean exhaustive() {
    return false;
  }

  /** Tells how many steps an execution of the subject has, about; before the first begins. */
  default void expect(int steps) {}

  /**
   * Gives a part of what is still to be made to another worker; every execution of it comes after
   * those that this keeps. Between executions only.
   *
   * @return null if there is nothing to give, or the next execution depends on the one before
   */
  default @Nullable Strategy split() {
    return null;
  }

  /**
   * Says, when nothing is left, whether to search again with what was learnt meanwhile.
   *
   * @param parts all that were split off since the search began, this one included
   * @return null if the search is over
   */
  default @Nullable Strategy again(List<Strategy> parts) {
    return null;
  }
}
