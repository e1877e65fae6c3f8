package dev.cocovisor.bugs.cca;

import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.LogBug;
import dev.cocovisor.cca.rmilog.RmiLogReplayer;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.table.Steps;
import dev.cocovisor.core.CoreParts;

/** A bug of an RMM: steps of 1.0 or rules of 2.0 that are others. */
abstract class RmmBug extends LogBug {
  RmmBug(String id, String fix, String mechanism) {
    super(id, Area.CCA, "cca", fix, mechanism);
  }

  /** Returns the steps of an RMM of 1.0 with the bug. */
  Steps steps() {
    return Steps.RELEASED;
  }

  /** Returns the rules that an RMM of 2.0 with the bug keeps. */
  Safeguards safeguards() {
    return Safeguards.ALL;
  }

  /** Returns the rules that an RMM of 2.0 without it keeps. */
  Safeguards mended() {
    return Safeguards.ALL;
  }

  @Override
  protected final LogReplayer replayer(boolean there) {
    return there
        ? new RmiLogReplayer(safeguards(), steps())
        : new RmiLogReplayer(mended(), Steps.RELEASED);
  }

  @Override
  protected final CoreParts core(CoreParts parts) {
    return parts.with(Steps.class, steps()).with(Safeguards.class, safeguards());
  }
}
