package dev.cocovisor.script.random;

import dev.cocovisor.api.Setting;
import dev.cocovisor.core.CoreSettings;
import dev.cocovisor.script.generate.Choices;
import dev.cocovisor.vmm.Technology;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Draws the settings of a host: each of a technology's own, and those of the core that matter. */
final class HostChooser {
  private static final List<Setting> CORE =
      List.of(
          CoreSettings.GMEM_ORDER,
          CoreSettings.SPLIT_ORDER,
          CoreSettings.THP,
          CoreSettings.SLOT_ZAP_ALL,
          CoreSettings.SWAP);

  private HostChooser() {}

  /**
   * Returns settings by name.
   *
   * @param large whether the host has memory for several nodes
   * @param given those somebody asked for, which win
   */
  static Map<String, String> settings(
      Choices choose, Technology technology, boolean large, Map<String, String> given) {
    Map<String, String> settings = new LinkedHashMap<>();
    // A vCPU that stands still is to be told soon, not after the millions of a run's default.
    settings.put(CoreSettings.RETRIES.name(), "20000");
    List<Setting> all = new ArrayList<>(CORE);
    all.addAll(technology.settings());
    for (Setting s : all) {
      if (!choose.percent(25)) {
        continue;
      }
      switch (s.kind()) {
        case FLAG -> settings.put(s.name(), Boolean.toString(choose.percent(50)));
        case CHOICE -> settings.put(s.name(), s.choices().get(choose.below(s.choices().size())));
        default -> {}
      }
    }
    if (choose.percent(15)) {
      settings.put(CoreSettings.MEMORY_FAULT_BATCH.name(), Long.toString(choose.of(2, 16, 512)));
    }
    if (choose.percent(10)) {
      settings.put(CoreSettings.ATTRIBUTE_ENTRIES.name(), Long.toString(choose.of(0, 1, 600)));
    }
    if (choose.percent(20)) {
      settings.put("kernel", List.of("6.18", "7.2", "7.4").get(choose.below(3)));
    }
    if (choose.percent(10) && large) {
      settings.put(CoreSettings.NODES.name(), "2");
    }
    settings.putAll(given);
    return settings;
  }
}
