package dev.cocovisor.api.log;

import java.util.Collections;
import java.util.LinkedHashMap;
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
  /** Nothing replayed. */
  public static final ReplaySummary NONE = new ReplaySummary(0, 0, 0, Map.of());

  /** Takes the parts by their place, which may become more: build one by {@link #NONE} instead. */
  @API(status = API.Status.INTERNAL, since = "0.2")
  public ReplaySummary {
    notes = Collections.unmodifiableMap(new LinkedHashMap<>(notes));
  }

  /** Returns a copy with another number of programs. */
  public ReplaySummary withPrograms(int count) {
    return new ReplaySummary(count, calls, mismatches, notes);
  }

  /** Returns a copy with another number of lines carried out or compared. */
  public ReplaySummary withCalls(long count) {
    return new ReplaySummary(programs, count, mismatches, notes);
  }

  /** Returns a copy with another number of answers that differ. */
  public ReplaySummary withMismatches(long count) {
    return new ReplaySummary(programs, calls, count, notes);
  }

  /** Returns a copy with other counts by name, in print order. */
  public ReplaySummary withNotes(Map<String, Long> counts) {
    return new ReplaySummary(programs, calls, mismatches, counts);
  }

  /** Adds two summaries. */
  public ReplaySummary plus(ReplaySummary other) {
    var sum = new LinkedHashMap<>(notes);
    other.notes.forEach((k, v) -> sum.merge(k, v, Long::sum));
    return new ReplaySummary(
        programs + other.programs, calls + other.calls, mismatches + other.mismatches, sum);
  }
}
