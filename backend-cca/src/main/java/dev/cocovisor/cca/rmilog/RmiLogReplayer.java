package dev.cocovisor.cca.rmilog;

import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.MismatchSink;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.table.Steps;
import java.io.BufferedReader;
import java.io.IOException;

/** Replays {@code .rmilog} files: recordings of TF-RMM against this backend's RMM. */
public final class RmiLogReplayer implements LogReplayer {
  private final Safeguards safeguards;
  private final Steps steps;

  /** Creates the replayer; it has no state. */
  public RmiLogReplayer() {
    this(Safeguards.ALL, Steps.RELEASED);
  }

  /**
   * Creates a replayer against another RMM than TF-RMM's.
   *
   * @param safeguards the rules that an RMM of 2.0 keeps
   * @param steps the steps that an RMM of 1.0 takes
   */
  public RmiLogReplayer(Safeguards safeguards, Steps steps) {
    this.safeguards = safeguards;
    this.steps = steps;
  }

  @Override
  public String suffix() {
    return "rmilog";
  }

  @Override
  public String description() {
    return "RMI and RSI calls recorded from TF-RMM (Arm CCA)";
  }

  @Override
  public ReplaySummary replay(LogSource log, ReplayOptions options, MismatchSink sink)
      throws IOException {
    try (BufferedReader reader = log.opener().open()) {
      return new RmiReplay(log.name(), options, sink, safeguards, steps).run(reader);
    }
  }
}
