package dev.cocovisor.core;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Nearest;
import dev.cocovisor.api.Setting;
import java.util.HashMap;
import java.util.LinkedHashMap;
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
    Map<String, Setting> declared = new LinkedHashMap<>();
    CoreSettings.ALL.forEach(s -> declared.put(s.name(), s));
    for (Backend b : backends) {
      b.info().settings().forEach(s -> declared.put(s.name(), s));
    }
    set.forEach((name, value) -> {
      Setting s = declared.get(name);
      if (s == null) {
        throw new IllegalArgumentException(Nearest.refusal("setting", name, declared.keySet()));
      }
      values.put(name, s.checked(value));
    });
  }

  String get(Setting setting) {
    return values.getOrDefault(setting.name(), setting.byDefault());
  }
}
