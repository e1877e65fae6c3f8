package dev.cocovisor.api.log;

import java.io.IOException;
import org.apiguardian.api.API;

/**
 * Replays one log format on a model and reports every answer that differs.
 *
 * <p>Given by {@link dev.cocovisor.api.Backend#replayers}, one for each suffix. Implementations
 * have no state between calls.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface LogReplayer {
  /** Returns the file suffix without a dot: {@code kvmlog}, {@code seamlog} or {@code rmilog}. */
  String suffix();

  /** Returns one line that names what the logs of this format drive. */
  String description();

  /**
   * Replays a log.
   *
   * @param log the text and its name
   * @param options what to replay and when to stop
   * @param sink told of each mismatch as it is found
   * @return the totals
   * @throws LogSyntaxException if the text breaks the grammar
   * @throws IOException if it cannot be read
   */
  ReplaySummary replay(LogSource log, ReplayOptions options, MismatchSink sink) throws IOException;
}
