package dev.cocovisor.explore;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/**
 * The way of a depth-first search through a tree of choices: at every fork the alternatives and the
 * one taken. An execution follows the way to its end and lengthens it there; {@link #advance} then
 * turns at the last fork that has an alternative left.
 *
 * <p>Every choice an execution is asked for is a fork of its own, also one that had one alternative
 * only: what is asked for later would otherwise be answered by another choice's fork.
 *
 * <p>The rest of the tree can be shared: {@link #split} gives the last part of what is still to be
 * walked to another way and keeps what comes before it.
 */
final class ChoicePath {
  private static final class Fork {
    final int[] alternatives;
    int taken;
    int end;

    Fork(int[] alternatives, int taken, int end) {
      this.alternatives = alternatives;
      this.taken = taken;
      this.end = end;
    }
  }

  private final List<Fork> forks = new ArrayList<>();
  private int depth;

  /**
   * Returns the way as text, for another process: a fork a word, {@code alternatives:taken:end},
   * the numbers of alternatives with commas between.
   */
  String text() {
    var words = new StringJoiner(" ");
    for (Fork f : forks) {
      var all = new StringJoiner(",");
      for (int a : f.alternatives) {
        all.add(Integer.toString(a));
      }
      words.add(f.alternatives.length == 1 ? all.toString() : all + ":" + f.taken + ":" + f.end);
    }
    return words.toString();
  }

  /** Returns the way that {@link #text} wrote. */
  static ChoicePath parse(String text) {
    var path = new ChoicePath();
    for (String word : text.split(" ", -1)) {
      if (!word.isEmpty()) {
        String[] parts = word.split(":", -1);
        int[] all = Arrays.stream(parts[0].split(",", -1)).mapToInt(Integer::parseInt).toArray();
        path.forks.add(
            parts.length == 1
                ? new Fork(all, 0, 1)
                : new Fork(all, Integer.parseInt(parts[1]), Integer.parseInt(parts[2])));
      }
    }
    return path;
  }

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
    forks.add(new Fork(alternatives, 0, alternatives.length));
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
      if (last.taken + 1 < last.end) {
        last.taken++;
        return true;
      }
      forks.removeLast();
    }
    return false;
  }

  /**
   * Gives away the ways behind the first fork that has alternatives left: all of them come after
   * all that this keeps. Between executions only; null if there is nothing to give.
   */
  @Nullable ChoicePath split() {
    for (int d = 0; d < forks.size(); d++) {
      Fork f = forks.get(d);
      if (f.taken + 1 < f.end) {
        var rest = new ChoicePath();
        // Forks without an alternative left change no more: both ways may have the same.
        rest.forks.addAll(forks.subList(0, d));
        rest.forks.add(new Fork(f.alternatives, f.taken + 1, f.end));
        f.end = f.taken + 1;
        return rest;
      }
    }
    return null;
  }
}
