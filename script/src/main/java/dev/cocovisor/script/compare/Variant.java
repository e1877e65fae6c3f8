package dev.cocovisor.script.compare;

import dev.cocovisor.core.kernel.KernelSettings;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What one column of a comparison runs on: a technology, and hosts of some settings. One technology
 * may stand there several times, each with settings of its own.
 *
 * @param label what stands above the column; no two are equal
 * @param technology the technology's id; null for what the scenario asks for
 * @param settings settings of its hosts that win over those of the comparison
 */
public record Variant(String label, @Nullable String technology, Map<String, String> settings) {
  /** Returns a technology as it comes. */
  public static Variant of(String id) {
    return new Variant(id, id, Map.of());
  }

  /** Returns hosts of a kernel. */
  public static Variant kernel(String kernel, @Nullable String technology) {
    return new Variant(kernel, technology, Map.of(KernelSettings.KERNEL.name(), kernel));
  }

  /**
   * Reads {@code ID} or {@code ID:NAME=VALUE:…}, as {@code cca:cca.rmm=2.0}.
   *
   * @throws IllegalArgumentException if a part has no value
   */
  public static Variant parse(String text) {
    List<String> parts = List.of(text.split(":", -1));
    var settings = new LinkedHashMap<String, String>();
    for (String part : parts.subList(1, parts.size())) {
      int at = part.indexOf('=');
      if (at < 1) {
        throw new IllegalArgumentException("'" + part + "' in " + text + " is no NAME=VALUE");
      }
      settings.put(part.substring(0, at), part.substring(at + 1));
    }
    return new Variant(text, parts.getFirst(), settings);
  }

  Map<String, String> over(Map<String, String> others) {
    var all = new LinkedHashMap<>(others);
    all.putAll(settings);
    return all;
  }
}
