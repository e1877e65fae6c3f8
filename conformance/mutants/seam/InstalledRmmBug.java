package dev.cocovisor.bugs.cca;

import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.entry.InstalledBug;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.table.Steps;

/**
 * As {@link InstalledBug}, for RMMs that a test makes: asked while the constants that most bugs of
 * an RMM begin with are being made.
 */
public final class InstalledRmmBug {
  private InstalledRmmBug() {}

  /** Returns the steps of an RMM that is given none. */
  public static Steps steps(Steps built) {
    Steps with = InstalledBug.bug() instanceof RmmBug b ? b.steps() : built;
    return with == null ? built : with;
  }

  /** Returns the rules of an RMM that is given none. */
  public static Safeguards safeguards(Safeguards built) {
    Bug bug = InstalledBug.bug();
    Safeguards with =
        bug instanceof RmmBug b ? b.safeguards() : InstalledBug.part(Safeguards.class, built);
    return with == null ? built : with;
  }
}
