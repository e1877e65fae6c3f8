package dev.cocovisor.bugs.hunt;

import dev.cocovisor.bugs.entry.Bug;

/**
 * Whether a bug is found where it is, and nothing where it is not.
 *
 * @param bug the bug
 * @param there what was seen with the bug
 * @param absent what was seen without it
 */
public record Verdict(Bug bug, Found there, Found absent) {
  /** Judges a bug. */
  public static Verdict of(Bug bug, Hunt hunt) {
    Found absent = hunt.without(bug);
    return new Verdict(bug, hunt.with(bug), absent);
  }

  /** Tells whether the bug was found. */
  public boolean found() {
    return there.broke();
  }

  /** Tells whether nothing broke without the bug, and all was looked at. */
  public boolean clean() {
    return !absent.broke() && absent.whole();
  }
}
