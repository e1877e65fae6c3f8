package dev.cocovisor.bugs.entry;

import dev.cocovisor.explore.Subject;

/** A bug whose scenario is acted by others than a VMM and its guests. */
public abstract class TrialBug extends Bug {
  /** Describes a bug; see {@link Bug}. */
  protected TrialBug(String id, Area area, String technology, String fix, String mechanism) {
    super(id, area, technology, fix, mechanism);
  }

  /** Returns what is explored, with the bug or without it. */
  public abstract Subject subject(boolean there);
}
