package dev.cocovisor.explore;

import java.util.Arrays;

/**
 * Who tries again, and whom that lets go first.
 *
 * <p>Two rules, of every number of parts and of three and more:
 *
 * <ul>
 *   <li><b>In vain.</b> A part that has tried twice while nobody else changed anything would only
 *       find the same again. Any other that can go on goes, whoever it is; where none can, it is in
 *       a livelock after a while. Nothing is lost: what is left out repeats itself.
 *   <li><b>In turn.</b> Two that wait for a third and write as they do so always have something new
 *       for each other, and could take turns for ever while the third stands there. So a part that
 *       tries again a second time goes after every part that could go on and did not since the
 *       first time. That leaves out only schedules in which somebody spins: no scheduler of a
 *       kernel makes them for long. Source: Musuvathi and Qadeer, Fair Stateless Model Checking
 *       (PLDI 2008), whose order of parts it is, with "could go on when it tried again" for "all
 *       the while".
 * </ul>
 *
 * <p>They are not one, though both say "not you again": the first waits for <i>any</i> part and
 * asks whether something was <i>written</i>, the second for <i>every</i> part and asks whether it
 * <i>went</i>. Of two parts any is every, but a part that only read has gone and written nothing:
 * the second rule alone would let the retry go at once, and pairs would have schedules more that
 * find nothing. Asking for writes in both leaves out orders that are fair: while a part waits for
 * two writes of another, a third that reads now and then would have to go before each try, and that
 * the try comes before its next step would never be seen.
 */
final class Retries {
  /** A retry that nobody else has changed anything for since the last one finds the same again. */
  private static final int MOST_IN_VAIN = 1;

  private static final int FOR_EVER = 200;

  private final int[] inVain;
  private final boolean inTurn;
  private final int[] first;
  private final int[] since;

  /**
   * Nobody tried again yet.
   *
   * @param fair whether the second rule holds, too
   */
  Retries(int parts, boolean fair) {
    inVain = new int[parts];
    // Of two, the other goes first anyway.
    inTurn = fair && parts > 2;
    first = new int[parts];
    since = new int[parts];
    Arrays.fill(since, -1);
  }

  /** A part tries again. {@code able} are the parts that can go on, a bit each. */
  void again(int part, int able) {
    inVain[part]++;
    if (inTurn) {
      first[part] |= able & ~since[part] & ~(1 << part);
      since[part] = 0;
    }
  }

  /** A part begins a call: it tries nothing again any more. */
  void ends(int part) {
    inVain[part] = 0;
  }

  /** A part changed something: whoever else tries again may find something new. */
  void wrote(int part) {
    int own = inVain[part];
    Arrays.fill(inVain, 0);
    inVain[part] = own;
  }

  /** A part is chosen. */
  void goes(int part) {
    if (inTurn) {
      int bit = 1 << part;
      for (int i = 0; i < first.length; i++) {
        first[i] &= ~bit;
        since[i] |= bit;
      }
    }
  }

  /** Tells whether a part that tries again would find the same again. */
  boolean isInVain(int part) {
    return inVain[part] > MOST_IN_VAIN;
  }

  /** Tells whether a part has tried in vain so often that it does for ever. */
  boolean isForEver(int part) {
    return inVain[part] > FOR_EVER;
  }

  /** Tells whether nobody who can go on comes before a part. */
  boolean mayGo(int part, int able) {
    return (first[part] & able) == 0;
  }
}
