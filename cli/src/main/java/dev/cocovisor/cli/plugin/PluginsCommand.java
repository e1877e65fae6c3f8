package dev.cocovisor.cli.plugin;

import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.ShippedPlugins;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.FindingReport;
import dev.cocovisor.cli.print.Table;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.finding.Printable;
import dev.cocovisor.host.load.PackageJudge;
import dev.cocovisor.host.pack.PluginDescription;
import dev.cocovisor.host.pack.PluginStatus;
import dev.cocovisor.host.trial.PackageTrial;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Lists, checks, starts, switches on and switches off plugins. */
@Command(
    name = "plugins",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    description = "Lists, checks, starts, switches on and switches off plugins.")
public final class PluginsCommand {
  private final Console console;

  public PluginsCommand(Console console) {
    this.console = console;
  }

  @Command(
      name = "list",
      mixinStandardHelpOptions = true,
      description = "Lists the packages in the plugin folders and what became of each.")
  public int list(
      @Mixin PluginOptions plugins,
      @Option(names = "--json", description = "Print one JSON document.") boolean json) {
    try (BackendRegistry registry = plugins.open()) {
      if (json) {
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("format", "cocovisor.plugins");
        document.put("version", 1);
        document.put("folders", plugins.folders().stream().map(Path::toString).toList());
        document.put("plugins", registry.plugins().stream().map(PluginsCommand::document).toList());
        document.put("findings", FindingReport.documents(registry.findings()));
        console.json(document);
      } else {
        printTable(registry.plugins());
      }
      return FindingReport.print(console, registry.findings());
    }
  }

  @Command(
      name = "check",
      mixinStandardHelpOptions = true,
      description = "Reads packages, tries each in a process of its own, then loads it alone.")
  public int check(
      @Parameters(arity = "1..*", paramLabel = "FILE", description = "Zips or jars.")
          List<Path> files,
      @Option(names = "--no-load", description = "Only read.") boolean readOnly,
      @Option(names = "--json", description = "Print one JSON document.") boolean json) {
    List<PluginStatus> all = new ArrayList<>();
    for (Path file : files) {
      if (!Files.isRegularFile(file)) {
        throw new UsageException(file + ": no such file");
      }
      all.add(readOnly ? BackendRegistry.check(file) : loadAlone(file));
    }
    if (json) {
      Map<String, Object> document = new LinkedHashMap<>();
      document.put("format", "cocovisor.plugins");
      document.put("version", 1);
      document.put("plugins", all.stream().map(PluginsCommand::document).toList());
      console.json(document);
    } else {
      printTable(all);
    }
    return FindingReport.print(console, all.stream().flatMap(s -> s.findings().stream()).toList());
  }

  private static PluginStatus loadAlone(Path file) {
    PluginStatus read = BackendRegistry.check(file);
    if (read.state() == PluginStatus.State.FAILED) {
      return read;
    }
    PackageJudge judge = PackageTrial.byEnvironment();
    if (judge instanceof PackageTrial trial) {
      judge = trial.anew();
    }
    try (BackendRegistry registry = PluginOptions.registry().judge(judge).open()) {
      return registry.tryLoad(file);
    }
  }

  @Command(
      name = "new",
      mixinStandardHelpOptions = true,
      description =
          "Writes the project of a new backend: a small technology that keeps every rule.")
  public int create(
      @Parameters(paramLabel = "NAME", description = "The backend's id: my-vendor.") String name,
      @Option(
              names = {"-d", "--dir"},
              paramLabel = "FOLDER",
              description = "Where to write it (default: ./NAME).")
          Path folder,
      @Mixin PluginOptions found)
      throws IOException {
    String owner = owner(name, found);
    if (owner != null) {
      throw new UsageException(
          "'" + name + "': there is a backend of that id, " + owner + "; choose another id");
    }
    Path written = new ProjectTemplate(name).write(folder == null ? Path.of(name) : folder);
    console.out().println("wrote " + written);
    Path here = Path.of("").toAbsolutePath();
    Path plugins = PluginOptions.defaultFolder().toAbsolutePath().normalize();
    plugins = plugins.startsWith(here) ? here.relativize(plugins) : plugins;
    console.out().println("next:");
    console.out().println("  (cd " + written + " && mvn package)");
    console.out().println("  cp " + written + "/target/" + name + "-1.0.0.zip " + plugins);
    console.out().println("  ./cocovisor backends");
    console.out().println("  ./cocovisor tck " + name);
    return ExitCode.CLEAN;
  }

  /** Says where the backend comes from that has an id already; null if none has it. */
  private static @Nullable String owner(String id, PluginOptions found) throws IOException {
    try (BackendRegistry registry = found.open()) {
      if (registry.find(id) != null) {
        return "which is built in or in a plugin folder";
      }
    }
    if (ShippedPlugins.find(id) != null) {
      return "in a plugin that is shipped";
    }
    return Technologies.builtIn().find(id) != null ? "the kernel's own" : null;
  }

  @Command(
      name = "enable",
      mixinStandardHelpOptions = true,
      description = "Switches plugins on again.")
  public int enable(
      @Parameters(arity = "1..*", paramLabel = "PLUGIN", description = "Ids as listed.")
          List<String> ids,
      @Mixin PluginOptions plugins)
      throws IOException {
    return set(plugins, ids, true);
  }

  @Command(
      name = "disable",
      mixinStandardHelpOptions = true,
      description = "Switches plugins off until they are switched on again.")
  public int disable(
      @Parameters(arity = "1..*", paramLabel = "PLUGIN", description = "Ids as listed.")
          List<String> ids,
      @Mixin PluginOptions plugins)
      throws IOException {
    return set(plugins, ids, false);
  }

  private int set(PluginOptions plugins, List<String> ids, boolean enabled) throws IOException {
    try (BackendRegistry registry = plugins.open()) {
      for (String id : ids) {
        boolean changed = registry.setEnabled(id, enabled);
        console
            .out()
            .println(
                id + (changed ? " is " : " was already ") + (enabled ? "enabled" : "disabled"));
      }
      return ExitCode.CLEAN;
    }
  }

  private void printTable(List<PluginStatus> all) {
    Table table = new Table("PLUGIN", "VERSION", "STATE", "BACKENDS", "FILE");
    for (PluginStatus s : all) {
      PluginDescription d = s.description();
      table.row(
          d == null ? "-" : d.id(),
          d == null ? "-" : d.version(),
          s.state().name().toLowerCase(Locale.ROOT),
          String.join(",", s.backends()),
          Printable.of(s.file().toString()));
    }
    table.print(console);
  }

  private static Map<String, Object> document(PluginStatus s) {
    Map<String, Object> one = new LinkedHashMap<>();
    PluginDescription d = s.description();
    one.put("id", s.id());
    one.put("pluginVersion", d == null ? null : d.version());
    one.put("requires", d == null ? null : d.requires());
    one.put("dependencies", d == null ? List.of() : d.dependencies());
    one.put("state", s.state().name());
    one.put("backends", s.backends());
    one.put("file", s.file().toString());
    one.put("findings", FindingReport.documents(s.findings()));
    return one;
  }
}
