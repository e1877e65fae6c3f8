package dev.cocovisor.cli.find;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Nearest;
import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.cli.print.UsageException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The launch measurers of the technologies, by mode. */
public final class Measurers {
  /** None at all. */
  public static final Measurers NONE = new Measurers(List.of());

  private final Map<String, LaunchMeasurer> byMode = new TreeMap<>();
  private final List<LaunchMeasurer> all = new ArrayList<>();

  /** Collects the measurers. */
  public Measurers(Iterable<Backend> backends) {
    for (Backend b : backends) {
      for (LaunchMeasurer m : b.measurers()) {
        all.add(m);
        for (String mode : m.modes()) {
          LaunchMeasurer other = byMode.putIfAbsent(mode, m);
          if (other != null) {
            throw new UsageException(
                "measurements of mode "
                    + mode
                    + " are claimed by "
                    + other.getClass().getName()
                    + " and "
                    + m.getClass().getName()
                    + " of "
                    + b.info().id());
          }
        }
      }
    }
  }

  public LaunchMeasurer forMode(String mode) {
    LaunchMeasurer m = byMode.get(mode);
    if (m == null) {
      throw new UsageException(Nearest.refusal("mode", mode, byMode.keySet()));
    }
    return m;
  }

  /** Returns every mode. */
  public List<String> modes() {
    return List.copyOf(byMode.keySet());
  }

  public LaunchMeasurer forKind(String kind) {
    for (LaunchMeasurer m : all) {
      if (m.understands(kind)) {
        return m;
      }
    }
    throw new UsageException("no measurer understands vectors of kind '" + kind + "'");
  }

  /** Returns every option of every mode with its help, sorted by name. */
  public Map<String, String> options() {
    Map<String, String> out = new TreeMap<>();
    byMode.forEach((mode, m) -> m.options(mode).forEach(out::putIfAbsent));
    return out;
  }
}
