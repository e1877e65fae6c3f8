package dev.cocovisor.cli.plugin;

import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.ShippedPlugins;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.load.LoadedBackend;
import dev.cocovisor.tck.TckRun;
import dev.cocovisor.tck.report.JunitXml;
import dev.cocovisor.tck.report.RuleResult;
import dev.cocovisor.tck.subject.Subject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Judges backends by the rules of the compatibility kit. */
@Command(
    name = "tck",
    mixinStandardHelpOptions = true,
    description = "Judges backends by the rules of the compatibility kit.")
public final class TckCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(
      arity = "1..*",
      paramLabel = "ID|PLUGIN",
      description = "Backends by id, or packages (zip or jar) that need not be installed.")
  private List<String> subjects = List.of();

  @Mixin private PluginOptions plugins = new PluginOptions();

  @Option(
      names = "--xml",
      paramLabel = "FILE",
      description = "Also write JUnit XML; with several subjects, %%s in FILE is the backend's id.")
  private @Nullable String xml;

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  public TckCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    Map<String, List<RuleResult>> all = new TreeMap<>();
    try (BackendRegistry registry = plugins.open()) {
      for (String subject : subjects) {
        for (LoadedBackend backend : find(registry, subject)) {
          List<RuleResult> results = TckRun.run(subjectOf(backend));
          all.put(backend.id(), results);
          if (xml != null) {
            Files.writeString(
                Path.of(xml.replace("%s", backend.id())), JunitXml.of(backend.id(), results));
          }
          if (!json) {
            print(backend, results);
          }
        }
      }
    }
    if (json) {
      console.json(document(all));
    }
    return all.values().stream().flatMap(List::stream).allMatch(TckCommand::isKept)
        ? ExitCode.CLEAN
        : ExitCode.FOUND;
  }

  // A rule may be skipped, but not without saying why.
  private static boolean isKept(RuleResult r) {
    return r.outcome() == RuleResult.Outcome.PASSED
        || (r.outcome() == RuleResult.Outcome.SKIPPED && !r.message().isBlank());
  }

  private static List<LoadedBackend> find(BackendRegistry registry, String subject)
      throws IOException {
    Path file = Path.of(subject);
    if (subject.endsWith(".zip") || subject.endsWith(".jar")) {
      if (!Files.isRegularFile(file)) {
        throw new UsageException(file + ": no such file");
      }
      return registry.load(file).backends().stream().map(registry::require).toList();
    }
    LoadedBackend found = registry.find(subject);
    if (found != null) {
      return List.of(found);
    }
    Path shipped = ShippedPlugins.find(subject);
    if (shipped != null) {
      registry.load(shipped);
    }
    return List.of(registry.require(subject));
  }

  private static Subject subjectOf(LoadedBackend backend) {
    try {
      return Subject.of(backend.backend(), backend.loader());
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  private void print(LoadedBackend backend, List<RuleResult> results) {
    console.out().println(console.bold(backend.id() + " " + backend.info().version()));
    for (RuleResult r : results) {
      String outcome =
          switch (r.outcome()) {
            case PASSED -> console.green("pass");
            case FAILED -> console.red("FAIL");
            case SKIPPED -> "skip";
          };
      console
          .out()
          .printf("  %s  %s  %s  %s%n", r.id(), outcome, r.name(), console.dim(r.source()));
      if (!r.message().isEmpty()) {
        console.out().println("             " + r.message());
      }
    }
    console
        .out()
        .printf(
            "rules=%d passed=%d failed=%d skipped=%d%n",
            results.size(),
            count(results, RuleResult.Outcome.PASSED),
            count(results, RuleResult.Outcome.FAILED),
            count(results, RuleResult.Outcome.SKIPPED));
  }

  private static long count(List<RuleResult> results, RuleResult.Outcome outcome) {
    return results.stream().filter(r -> r.outcome() == outcome).count();
  }

  private static Map<String, Object> document(Map<String, List<RuleResult>> all) {
    List<Object> backends = new ArrayList<>();
    all.forEach((id, results) -> {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("backend", id);
      one.put("passed", count(results, RuleResult.Outcome.PASSED));
      one.put("failed", count(results, RuleResult.Outcome.FAILED));
      one.put("skipped", count(results, RuleResult.Outcome.SKIPPED));
      one.put(
          "rules",
          results.stream()
              .map(r ->
                  Map.of(
                      "id", r.id(),
                      "name", r.name(),
                      "source", r.source(),
                      "outcome", r.outcome().name(),
                      "message", r.message()))
              .toList());
      backends.add(one);
    });
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("version", 1);
    document.put("backends", backends);
    return document;
  }
}
