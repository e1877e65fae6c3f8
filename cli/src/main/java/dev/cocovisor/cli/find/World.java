package dev.cocovisor.cli.find;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.FindingReport;
import dev.cocovisor.cli.print.Quoting;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What commands that run something share: the technologies on the class path and in plugins, and
 * the settings of hosts. Close it when the command is over.
 */
public final class World implements AutoCloseable {
  private final BackendRegistry registry;
  private final SettingOptions settings;

  /** Finds the technologies; what is wrong with a plugin is told, and the others are used. */
  public World(PluginOptions plugins, SettingOptions settings, Console console) {
    this.settings = settings;
    registry = plugins.open();
    var _ = FindingReport.print(console, registry.findings());
  }

  /** Returns the technologies there are by now. */
  public Technologies technologies() {
    return registry.technologies();
  }

  /** Returns the settings that were chosen on the command line, checked. */
  public Map<String, String> settings() {
    return settings.checked(technologies());
  }

  /**
   * Reads a scenario. Technologies that it names, and that came with the program without being
   * installed, are loaded first.
   */
  public Scenario read(Path file) throws IOException {
    return Scenario.read(Inputs.source(file), StepWords.of(technologies()));
  }

  /** Checks that a technology is there; a plugin that was shipped with it is loaded. */
  public String known(String id) {
    if (technologies().find(id) == null) {
      Path shipped = shipped(id);
      if (shipped == null) {
        try {
          var _ = technologies().require(id);
        } catch (IllegalArgumentException e) {
          throw new UsageException(String.valueOf(e.getMessage()));
        }
      } else {
        registry.load(shipped);
      }
    }
    return id;
  }

  /** Checks that technologies are there, as {@link #known(String)} does. */
  public List<String> known(List<String> ids) {
    ids.forEach(this::known);
    return ids;
  }

  private static @Nullable Path shipped(String id) {
    try {
      return ShippedPlugins.find(id);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the command line of some words that finds and sets the same, to be pasted. */
  public static String command(List<String> words, SettingOptions settings, PluginOptions plugins) {
    var all = new ArrayList<String>(words);
    all.addAll(settings.words());
    all.addAll(plugins.words());
    return Quoting.command(all.toArray(String[]::new));
  }

  @Override
  public void close() {
    registry.close();
  }
}
