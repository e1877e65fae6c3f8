package dev.cocovisor.cli.plugin;

import dev.cocovisor.api.Setting;
import dev.cocovisor.api.VmType;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.FindingReport;
import dev.cocovisor.cli.print.Table;
import dev.cocovisor.core.CoreSettings;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.load.LoadedBackend;
import dev.cocovisor.host.load.Provenance;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Lists the backends there are and where each came from. */
@Command(
    name = "backends",
    mixinStandardHelpOptions = true,
    description = "Lists the backends there are and where each came from.")
public final class BackendsCommand implements Callable<Integer> {
  private final Console console;

  @Mixin private PluginOptions plugins = new PluginOptions();

  @Option(
      names = {"-l", "--long"},
      description = "Also print digests, settings and descriptions.")
  private boolean details;

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  public BackendsCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    try (BackendRegistry registry = plugins.open()) {
      if (json) {
        console.json(document(registry));
      } else {
        Table table = new Table("ID", "VERSION", "ARCH", "VM TYPES", "FROM");
        registry.all().forEach(b -> table.row(row(b)));
        table.print(console);
        if (details) {
          registry.all().forEach(this::printDetails);
          printCore();
        }
      }
      return FindingReport.print(console, registry.findings());
    }
  }

  private static String[] row(LoadedBackend b) {
    return new String[] {
      b.id(),
      b.info().version(),
      b.info().architecture().name(),
      String.join(",", b.info().vmTypes().stream().map(VmType::name).toList()),
      (b.provenance().source() == Provenance.Source.PLUGIN
              ? "plugin " + b.provenance().pluginId() + ", "
              : "")
          + b.provenance().fileName()
    };
  }

  private void printDetails(LoadedBackend b) {
    console.out().println();
    console.out().println(console.bold(b.id()) + "  " + b.info().description());
    console.out().println("  class   " + b.provenance().className());
    console.out().println("  file    " + b.provenance().location());
    console.out().println("  sha256  " + b.provenance().sha256());
    printSettings(b.info().settings());
  }

  private void printSettings(List<Setting> settings) {
    Table table = new Table("  SETTING", "DEFAULT", "TAKES", "WHAT IT MEANS");
    for (Setting s : settings) {
      table.row("  " + s.name(), s.byDefault(), s.takes(), s.help());
    }
    if (!settings.isEmpty()) {
      table.print(console);
    }
  }

  private void printCore() {
    console.out().println();
    console.out().println(console.bold("core") + "  What every host has, whatever its backends.");
    printSettings(CoreSettings.ALL);
  }

  private static List<Map<String, Object>> settings(List<Setting> settings) {
    List<Map<String, Object>> all = new ArrayList<>();
    for (Setting s : settings) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("name", s.name());
      one.put("default", s.byDefault());
      one.put("takes", s.takes());
      one.put("help", s.help());
      all.add(one);
    }
    return all;
  }

  private static Map<String, Object> document(BackendRegistry registry) {
    List<Object> backends = new ArrayList<>();
    for (LoadedBackend b : registry.all()) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("id", b.id());
      one.put("version", b.info().version());
      one.put("description", b.info().description());
      one.put("architecture", b.info().architecture().name());
      one.put(
          "vmTypes",
          b.info().vmTypes().stream()
              .map(t -> Map.of("name", t.name(), "number", t.number()))
              .toList());
      one.put("settings", settings(b.info().settings()));
      one.put("source", b.provenance().source().name());
      one.put("plugin", b.provenance().pluginId());
      one.put("class", b.provenance().className());
      one.put("file", String.valueOf(b.provenance().location()));
      one.put("sha256", b.provenance().sha256());
      backends.add(one);
    }
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("format", "cocovisor.backends");
    document.put("version", 2);
    document.put("backends", backends);
    document.put("core", Map.of("settings", settings(CoreSettings.ALL)));
    document.put("findings", FindingReport.documents(registry.findings()));
    return document;
  }
}
