package dev.cocovisor.cli.run;

import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.report.model.RunDiff;
import dev.cocovisor.report.model.RunModel;
import dev.cocovisor.script.scenario.Scenario;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Tells where two runs part. */
@Command(
    name = "diff",
    mixinStandardHelpOptions = true,
    description = {
      "Tells where two runs part and what follows from it: two settings, technologies or kernels",
      "of one scenario, two scenarios, or two documents that run --json printed."
    })
public final class DiffCommand implements Callable<Integer> {
  private static final int SHOWN = 12;

  private final Console console;

  @Parameters(
      arity = "1..2",
      paramLabel = "A [B]",
      description = "Scenarios, or documents of run --json; without B, A is run twice.")
  private List<Path> files = List.of();

  @Option(names = "--backend", paramLabel = "ID", description = "The technology of both.")
  private @Nullable String backend;

  @Option(names = "--backend-a", paramLabel = "ID", description = "The technology of A.")
  private @Nullable String backendA;

  @Option(names = "--backend-b", paramLabel = "ID", description = "The technology of B.")
  private @Nullable String backendB;

  @Option(names = "--set-a", paramLabel = "NAME=VALUE", description = "A setting of A's host only.")
  private Map<String, String> setA = new LinkedHashMap<>();

  @Option(names = "--set-b", paramLabel = "NAME=VALUE", description = "A setting of B's host only.")
  private Map<String, String> setB = new LinkedHashMap<>();

  @Mixin private PluginOptions plugins = new PluginOptions();

  @Mixin private SettingOptions settings = new SettingOptions();

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  /** Creates the command. */
  public DiffCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    try (var world = new World(plugins, settings, console)) {
      JsonNode a =
          run(world, files.getFirst(), backendA != null ? backendA : backend, setA, "--set-a");
      JsonNode b =
          run(world, files.getLast(), backendB != null ? backendB : backend, setB, "--set-b");
      RunDiff diff = RunDiff.of(a, b);
      if (json) {
        console.json(document(diff));
      } else {
        print(diff);
      }
      return diff.first() == null ? ExitCode.CLEAN : ExitCode.FOUND;
    }
  }

  private JsonNode run(
      World world, Path file, @Nullable String on, Map<String, String> own, String option)
      throws IOException {
    if (file.toString().endsWith(".json")) {
      return document(file);
    }
    Scenario scenario = world.read(file);
    List<String> named = scenario.backends();
    String technology =
        on != null ? world.known(on) : named.isEmpty() ? null : world.known(named.getFirst());
    var all = new LinkedHashMap<>(world.settings());
    try {
      own.forEach(
          (name, value) -> all.put(name, world.technologies().setting(name).checked(value)));
    } catch (IllegalArgumentException e) {
      throw new UsageException(option + ": " + e.getMessage());
    }
    return new JsonMapper().valueToTree(RunDocuments.of(scenario, world, technology, all));
  }

  private static JsonNode document(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new UsageException(file + ": no such file");
    }
    try {
      JsonNode doc = new JsonMapper().readTree(Files.readString(file));
      if (doc.path("format").asString("").equals("cocovisor.run")
          && doc.path("version").asInt(0) == RunModel.VERSION) {
        return doc;
      }
    } catch (JacksonException e) {
      throw new UsageException(file + ": " + e.getOriginalMessage());
    }
    throw new UsageException(file + ": no document of `run --json` of version " + RunModel.VERSION);
  }

  private void print(RunDiff diff) {
    RunDiff.Step first = diff.first();
    if (first == null) {
      console.out().println(console.green("the runs are the same"));
      return;
    }
    console
        .out()
        .println(console.bold("first difference: line " + first.line() + ": " + first.call()));
    if (first.answers()) {
      console.out().println("  A answers  " + first.a());
      console.out().println("  B answers  " + first.b());
    } else {
      console.out().println("  both answer " + first.a());
    }
    only("A", first.onlyA());
    only("B", first.onlyB());
    if (!diff.later().isEmpty()) {
      console.out().println(console.bold("what follows:"));
    }
    for (RunDiff.Step s : diff.later()) {
      console.out().println("  line " + s.line() + ": " + s.call());
      console.out().println("    A answers  " + s.a());
      console.out().println("    B answers  " + s.b());
    }
    console
        .out()
        .println(
            "answers="
                + (diff.later().size() + (first.answers() ? 1 : 0))
                + " inside="
                + diff.busy());
  }

  private void only(String which, List<String> lines) {
    lines.stream()
        .limit(SHOWN)
        .forEach(l -> console.out().println("  only " + which + "     " + l));
    if (lines.size() > SHOWN) {
      console.out().println("  only " + which + "     and " + (lines.size() - SHOWN) + " more");
    }
  }

  private static Map<String, Object> document(RunDiff diff) {
    var doc = new LinkedHashMap<String, Object>();
    doc.put("format", "cocovisor.diff");
    doc.put("version", 1);
    doc.put("same", diff.first() == null);
    if (diff.first() != null) {
      doc.put("first", diff.first());
    }
    doc.put("later", diff.later());
    doc.put("inside", diff.busy());
    return doc;
  }
}
