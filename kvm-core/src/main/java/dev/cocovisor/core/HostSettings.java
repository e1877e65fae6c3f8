package dev.cocovisor.core;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Nearest;
import dev.cocovisor.api.Setting;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The settings of one host: those the core and its backends declare, and what they are set to. */
final class HostSettings {
  private final Map<String, String> values = new HashMap<>();

  /**
   * Checks what a user set.
   *
   * @throws IllegalArgumentException if nobody declares a name, or a value is not taken
   */
  HostSettings(Map<String, String> set, List<Backend> backends) {
    set.forEach((name, value) -> values.put(name, declared(name, backends).checked(value)));
  }

  private static Setting declared(String name, List<Backend> backends) {
    for (Setting s : CoreSettings.ALL) {
      if (s.name().equals(name)) {
        return s;
      }
    }
    for (Backend b : backends) {
      for (Setting s : b.info().settings()) {
        if (s.name().equals(name)) {
          return s;
        }
      }
    }
    List<String> all = new ArrayList<>();
    CoreSettings.ALL.forEach(s -> all.add(s.name()));
    backends.forEach(b -> b.info().settings().forEach(s -> all.add(s.name())));
    throw new IllegalArgumentException(Nearest.refusal("setting", name, all));
  }

  String get(Setting setting) {
    return values.getOrDefault(setting.name(), setting.byDefault());
  }
}
