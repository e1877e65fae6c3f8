package dev.cocovisor.cli.find;

import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.vmm.Technologies;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** The option by which a command sets hosts. */
public final class SettingOptions {
  @Option(
      names = "--set",
      paramLabel = "NAME=VALUE",
      description =
          "Set what `backends --long` lists, for every host; wins over the log's host_config.")
  private Map<String, String> chosen = new LinkedHashMap<>();

  /**
   * Returns the settings in their plain form.
   *
   * @throws UsageException if one is not known, or does not take the value
   */
  public Map<String, String> checked(Technologies technologies) {
    var checked = new LinkedHashMap<String, String>();
    try {
      chosen.forEach((name, value) -> checked.put(name, technologies.setting(name).checked(value)));
    } catch (IllegalArgumentException e) {
      throw new UsageException("--set: " + e.getMessage());
    }
    return checked;
  }

  /** Returns the words of a command line that sets the same, for `reproduce` lines. */
  public List<String> words() {
    return chosen.entrySet().stream()
        .flatMap(e -> Stream.of("--set", e.getKey() + "=" + e.getValue()))
        .toList();
  }
}
