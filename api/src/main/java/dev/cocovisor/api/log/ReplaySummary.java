package dev.cocovisor.api.log;

import java.util.Map;
import org.apiguardian.api.API;

/**
 * The totals of a replay.
 *
 * @param programs programs replayed
 * @param calls lines carried out or compared
 * @param mismatches answers that differ
 * @param notes further counts by name, in print order (for example answers taken from the log)
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record ReplaySummary(int programs, long calls, long mismatches, Map<String, Long> notes) {
  /** Adds two summaries. */
  public ReplaySummary plus(ReplaySummary other) {
    var sum = new java.util.LinkedHashMap<>(notes);
    other.notes.forEach((k, v) -> sum.merge(k, v, Long::sum));
    return new ReplaySummary(
        programs + other.programs, calls + other.calls, mismatches + other.mismatches, sum);
  }
}
