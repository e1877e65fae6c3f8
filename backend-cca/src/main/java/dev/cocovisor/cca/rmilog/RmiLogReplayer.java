package dev.cocovisor.cca.rmilog;

import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.MismatchSink;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import java.io.BufferedReader;
import java.io.IOException;

/** Replays {@code .rmilog} files: recordings of TF-RMM against this backend's RMM. */
public final class RmiLogReplayer implements LogReplayer {
  /** Creates the replayer; it has no state. */
  public RmiLogReplayer() {}

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
      return new Replay(log.name(), options, sink).run(reader);
    }
  }
}
