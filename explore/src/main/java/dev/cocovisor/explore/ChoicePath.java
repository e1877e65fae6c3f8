package dev.cocovisor.explore;

import java.util.ArrayList;
import java.util.List;

/**
 * The way of a depth-first search through a tree of choices: at every fork the alternatives and the
 * one taken. An execution follows the way to its end and lengthens it there; {@link #advance} then
 * turns at the last fork that has an alternative left.
 *
 * <p>Every choice an execution is asked for is a fork of its own, also one that had one alternative
 * only: what is asked for later would otherwise be answered by another choice's fork.
 */
final class ChoicePath {
  private static final class Fork {
    final int[] alternatives;
    int taken;

    Fork(int[] alternatives) {
      this.alternatives = alternatives;
    }
  }

  private final List<Fork> forks = new ArrayList<>();
  private int depth;

  /** Goes back to the root, for the next execution. */
  void begin() {
    depth = 0;
  }

  /** Tells whether the next choice was made before, so that its alternatives are known. */
  boolean isKnown() {
    return depth < forks.size();
  }

  /** Adds a fork at the end of the way; its first alternative is the one to take. */
  void fork(int[] alternatives) {
    forks.add(new Fork(alternatives));
  }

  /** Returns which alternative of the next fork is to be taken, from 0. */
  int index() {
    return forks.get(depth).taken;
  }

  /** Takes the next fork. */
  int take() {
    Fork f = forks.get(depth++);
    return f.alternatives[f.taken];
  }

  /** Turns to the next way; false if all were gone. */
  boolean advance() {
    while (!forks.isEmpty()) {
      Fork last = forks.getLast();
      if (last.taken + 1 < last.alternatives.length) {
        last.taken++;
        return true;
      }
      forks.removeLast();
    }
    return false;
  }
}
