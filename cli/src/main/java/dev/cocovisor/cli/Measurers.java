package dev.cocovisor.cli;

import dev.cocovisor.api.measure.LaunchMeasurer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.TreeMap;

/** The launch measurers on the class path, by mode. */
final class Measurers {
  private final Map<String, LaunchMeasurer> byMode = new TreeMap<>();
  private final List<LaunchMeasurer> all = new ArrayList<>();

  Measurers(Iterable<LaunchMeasurer> found) {
    try {
      for (LaunchMeasurer m : found) {
        all.add(m);
        for (String mode : m.modes()) {
          LaunchMeasurer other = byMode.putIfAbsent(mode, m);
          if (other != null) {
            throw new ServiceConfigurationError(
                "mode " + mode + " is claimed by " + other.getClass() + " and " + m.getClass());
          }
        }
      }
    } catch (ServiceConfigurationError e) {
      throw new IllegalStateException(e);
    }
  }

  static Measurers onClassPath() {
    return new Measurers(ServiceLoader.load(LaunchMeasurer.class));
  }

  LaunchMeasurer forMode(String mode) {
    LaunchMeasurer m = byMode.get(mode);
    if (m == null) {
      throw new UsageException(
          "unknown mode '" + mode + "', one of " + String.join(", ", byMode.keySet()));
    }
    return m;
  }

  /** Returns every mode. */
  List<String> modes() {
    return List.copyOf(byMode.keySet());
  }

  LaunchMeasurer forKind(String kind) {
    for (LaunchMeasurer m : all) {
      if (m.understands(kind)) {
        return m;
      }
    }
    throw new UsageException("no measurer understands vectors of kind '" + kind + "'");
  }

  /** Returns every option of every mode with its help, sorted by name. */
  Map<String, String> options() {
    Map<String, String> out = new TreeMap<>();
    byMode.forEach((mode, m) -> m.options(mode).forEach(out::putIfAbsent));
    return out;
  }
}
