package dev.cocovisor.api.measure;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apiguardian.api.API;

/**
 * What is made of a measurement on request.
 *
 * @param files contents to write, by where
 * @param lines values to print, by name, in order
 * @param faults what is wrong with things given beside the measurement, in words
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public record MeasureExtras(
    Map<Path, byte[]> files, Map<String, String> lines, List<String> faults) {
  /** Nothing. */
  public static final MeasureExtras NONE = new MeasureExtras(Map.of(), Map.of(), List.of());
}
