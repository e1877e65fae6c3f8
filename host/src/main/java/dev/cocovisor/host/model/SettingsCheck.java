package dev.cocovisor.host.model;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Nearest;
import dev.cocovisor.api.Setting;
import dev.cocovisor.core.CoreSettings;
import dev.cocovisor.host.finding.FindingCode;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Refuses settings that nobody on the host declares, and values a setting does not take. */
final class SettingsCheck {
  private SettingsCheck() {}

  /**
   * Checks what a user set.
   *
   * @throws dev.cocovisor.host.finding.HostException COCO-P035 with the name that was meant, or
   *     with what the setting takes
   */
  static void declared(Map<String, String> set, Collection<Backend> backends) {
    TreeMap<String, Setting> known = new TreeMap<>();
    CoreSettings.ALL.forEach(s -> known.put(s.name(), s));
    for (Backend b : backends) {
      b.info().settings().forEach(s -> known.put(s.name(), s));
    }
    set.forEach((name, value) -> {
      Setting setting = known.get(name);
      if (setting == null) {
        throw unknown(name, known);
      }
      try {
        var _ = setting.checked(value);
      } catch (IllegalArgumentException e) {
        throw ModelCheck.failure(
            FindingCode.BAD_SETTING,
            name,
            "the setting does not take '" + value + "'",
            setting.help() + ": " + setting.takes(),
            "set one of these, or leave it out for " + setting.byDefault(),
            setting.choices());
      }
    });
  }

  private static RuntimeException unknown(String name, Map<String, Setting> known) {
    String meant = Nearest.to(name, known.keySet());
    return ModelCheck.failure(
        FindingCode.BAD_SETTING,
        name,
        "there is no such setting",
        "neither the core nor a backend of the host declares it",
        mend(name, meant),
        List.copyOf(known.keySet()));
  }

  private static String mend(String name, @Nullable String meant) {
    if (meant != null) {
      return "did you mean " + meant + "?";
    }
    int dot = name.indexOf('.');
    return dot < 1
        ? "write the owner's id, a dot and the setting, as in core.cpus"
        : "add the backend '" + name.substring(0, dot) + "' to the host, or take one that is there";
  }
}
