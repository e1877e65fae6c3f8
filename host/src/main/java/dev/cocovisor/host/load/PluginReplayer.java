package dev.cocovisor.host.load;

import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.log.MismatchSink;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import java.io.IOException;

/** A plugin's replayer; what it throws besides what the log is to blame for says whose it is. */
record PluginReplayer(LogReplayer replayer, PluginFailures failures) implements LogReplayer {
  @Override
  public String suffix() {
    return failures.answer("suffix", replayer::suffix);
  }

  @Override
  public String description() {
    return failures.answer("description", replayer::description);
  }

  @Override
  public ReplaySummary replay(LogSource log, ReplayOptions options, MismatchSink sink)
      throws IOException {
    try {
      return replayer.replay(log, options, sink);
    } catch (LogSyntaxException | IOException ofTheLog) {
      throw ofTheLog;
    } catch (Throwable t) {
      throw failures.in("replay", t);
    }
  }
}
