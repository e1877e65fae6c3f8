package dev.cocovisor.explore;

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
  default void step(Step s) {}

  /** Tells whether it looks at the steps of an execution when it has ended. */
  default boolean needsSteps() {
    return false;
  }

  /** Takes note of an execution that came to its end; tells whether there is another to make. */
  boolean ended(Execution x);

  /** Tells whether, if {@link #ended} says there is no other, that is all there are. */
  default boolean exhaustive() {
    return false;
  }
}
