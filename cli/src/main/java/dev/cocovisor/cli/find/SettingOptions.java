package dev.cocovisor.cli.find;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.live.kvm.HostProfile;
import dev.cocovisor.live.kvm.Machine;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Path;
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

  @Option(
      names = "--host",
      paramLabel = "auto|FILE",
      description =
          "Set hosts like this machine, or like the one whose profile (`live host`) or log the file"
              + " is; --set wins over it.")
  private String host = "";

  /**
   * Returns the settings in their plain form.
   *
   * @throws UsageException if one is not known, or does not take the value
   */
  public Map<String, String> checked(Technologies technologies) {
    var checked = new LinkedHashMap<String, String>();
    profile()
        .forEach((name, value) -> {
          try {
            checked.put(name, technologies.setting(name).checked(value));
          } catch (IllegalArgumentException e) {
            throw new UsageException("--host " + host + ": " + e.getMessage());
          }
        });
    try {
      chosen.forEach((name, value) -> checked.put(name, technologies.setting(name).checked(value)));
    } catch (IllegalArgumentException e) {
      throw new UsageException("--set: " + e.getMessage());
    }
    return checked;
  }

  private Map<String, String> profile() {
    if (host.isEmpty()) {
      return Map.of();
    }
    if (host.equals("auto")) {
      return HostProfile.settings(Machine.ask());
    }
    try {
      return HostProfile.read(LogSource.file(Path.of(host)));
    } catch (IOException e) {
      throw new UsageException("--host " + host + ": cannot be read: " + e.getMessage());
    }
  }

  /** Returns the words of a command line that sets the same, for `reproduce` lines. */
  public List<String> words() {
    Stream<String> profile = host.isEmpty() ? Stream.of() : Stream.of("--host", host);
    return Stream.concat(
            profile,
            chosen.entrySet().stream()
                .flatMap(e -> Stream.of("--set", e.getKey() + "=" + e.getValue())))
        .toList();
  }
}
