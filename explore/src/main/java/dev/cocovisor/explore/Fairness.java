package dev.cocovisor.explore;

import java.util.Arrays;

/**
 * Who lets whom go first among three parts and more, so that two that wait for a third by trying
 * again do not take turns for ever while it stands there and could go on.
 *
 * <p>A part that tries again a second time is not chosen before every part that could go on and did
 * not since the first time. That leaves out only schedules in which somebody spins: no scheduler of
 * a kernel makes them for long. Source: Musuvathi and Qadeer, Fair Stateless Model Checking (PLDI
 * 2008), whose order of parts it is, with "could go on when it tried again" for "all the while".
 */
final class Fairness {
  private final int[] first;
  private final int[] since;

  /** Nobody tried again yet. */
  Fairness(int parts) {
    first = new int[parts];
    since = new int[parts];
    Arrays.fill(since, -1);
  }

  /** A part tries again. {@code able} are the parts that can go on, a bit each. */
  void triesAgain(int part, int able) {
    first[part] |= able & ~since[part] & ~(1 << part);
    since[part] = 0;
  }

  /** Tells whether nobody who can go on comes before a part. */
  boolean mayGo(int part, int able) {
    return (first[part] & able) == 0;
  }

  /** A part is chosen. */
  void goes(int part) {
    int bit = 1 << part;
    for (int i = 0; i < first.length; i++) {
      first[i] &= ~bit;
      since[i] |= bit;
    }
  }
}
