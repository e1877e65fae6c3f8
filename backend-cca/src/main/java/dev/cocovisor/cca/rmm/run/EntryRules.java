package dev.cocovisor.cca.rmm.run;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.realm.Rec;

/** What a version of RMI asks of a REC that is to be entered, and completes at its entry. */
public interface EntryRules {
  /**
   * Returns SUCCESS, or why the REC cannot run now: its realm's state, its own, and what stands in
   * the run page.
   */
  long check(Pe pe, Rec rec);

  /** Tells the REC what became of requests that only this version knows. */
  default void complete(Rec rec) {}
}
