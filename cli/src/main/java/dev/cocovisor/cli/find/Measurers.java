package dev.cocovisor.cli.find;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Nearest;
import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.cli.print.UsageException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

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

  /**
   * Returns the modes a name stands for: itself, or every {@code name:…} if there is no mode of
   * that name.
   */
  public List<String> family(String name) {
    if (byMode.containsKey(name)) {
      return List.of(name);
    }
    List<String> members =
        byMode.keySet().stream().filter(mode -> mode.startsWith(name + ":")).toList();
    if (members.isEmpty()) {
      throw new UsageException(Nearest.refusal("mode", name, names()));
    }
    return members;
  }

  /** Returns every mode and every family of modes that is none itself. */
  private Set<String> names() {
    Set<String> all = new TreeSet<>(byMode.keySet());
    for (String mode : byMode.keySet()) {
      int colon = mode.indexOf(':');
      if (colon > 0) {
        all.add(mode.substring(0, colon));
      }
    }
    return all;
  }

  public LaunchMeasurer forMode(String mode) {
    LaunchMeasurer m = byMode.get(mode);
    if (m == null) {
      throw new UsageException(Nearest.refusal("mode", mode, names()));
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
