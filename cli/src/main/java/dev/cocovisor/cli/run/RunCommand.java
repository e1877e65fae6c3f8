package dev.cocovisor.cli.run;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.EventTree;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.script.call.CallEncoder;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioRun;
import dev.cocovisor.script.scenario.ScenarioStep;
import dev.cocovisor.script.scenario.VmCounters;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Runs a scenario and prints what each call answered and caused. */
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    description = {
      "Runs a scenario and prints what each call answered and caused.",
      "A result written in the scenario is an expectation; results may be left out."
    })
public final class RunCommand implements Callable<Integer> {
  /** What is printed below a call. */
  enum Trace {
    NONE,
    HOOKS,
    FIRMWARE,
    ALL;

    boolean shows(TraceEvent.Kind kind) {
      return switch (this) {
        case NONE -> false;
        case HOOKS -> kind == TraceEvent.Kind.HOOK || kind == TraceEvent.Kind.REFUSAL;
        case FIRMWARE -> kind == TraceEvent.Kind.FIRMWARE || kind == TraceEvent.Kind.REFUSAL;
        case ALL -> true;
      };
    }
  }

  private final Console console;

  @Parameters(paramLabel = "SCENARIO", description = "A call log, plain or packed by gzip.")
  private Path file = Path.of("");

  @Option(
      names = "--backend",
      paramLabel = "ID",
      description = "The technology to run on; without it, the first the scenario names.")
  private @Nullable String backend;

  @Option(
      names = "--trace",
      paramLabel = "WHAT",
      defaultValue = "ALL",
      description = "What to print below each call: none, hooks, firmware or all.")
  private Trace trace = Trace.ALL;

  @Option(
      names = "--save",
      paramLabel = "LOG",
      description = "Save the calls with their results as a log that replays.")
  private @Nullable Path save;

  @Option(
      names = "--full",
      description = "Print every event, also where many in a row differ in an address only.")
  private boolean full;

  @Mixin private PluginOptions plugins = new PluginOptions();

  @Mixin private SettingOptions settings = new SettingOptions();

  @Mixin private StepLimit limit = new StepLimit();

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  public RunCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    try (var world = new World(plugins, settings, console)) {
      if (backend != null) {
        var _ = world.known(backend);
      }
      return run(world.read(file), world);
    }
  }

  private int run(Scenario scenario, World world) throws IOException {
    String on = backend != null ? backend : firstOf(scenario, world);
    if (on != null && !json) {
      console.out().println(console.dim("# on " + on));
    }
    var steps = new ArrayList<ScenarioStep>();
    try (var watch = limit.watch(console);
        var run = new ScenarioRun(scenario, world.technologies(), on, world.settings())) {
      run.run(step -> {
        watch.done(file + ":" + step.call().line());
        steps.add(step);
        if (!json) {
          print(step);
        }
      });
    }
    if (save != null) {
      save(save, on, world, steps);
    }
    long unmet = steps.stream().filter(s -> s.unmet() != null).count();
    if (json) {
      console.json(document(on, steps, unmet));
    } else {
      String summary = "calls=" + steps.size() + " unmet=" + unmet;
      console.out().println(unmet == 0 ? console.green(summary) : console.red(summary));
    }
    return unmet == 0 ? ExitCode.CLEAN : ExitCode.FOUND;
  }

  private static @Nullable String firstOf(Scenario scenario, World world) {
    List<String> named = scenario.backends();
    return named.isEmpty() ? null : world.known(named.getFirst());
  }

  private void print(ScenarioStep step) {
    console.out().println(LogWriter.line(step.answered()));
    EventTree.of(step.happened(), trace::shows).lines(full).forEach(this::below);
    if (trace != Trace.NONE) {
      step.ownership().forEach(o -> below("ownership " + o));
      step.counters().forEach(c -> below("counters  " + c));
    }
    String unmet = step.unmet();
    if (unmet != null) {
      console.out().println(console.red(file + ":" + step.call().line() + ": not as expected"));
      console.out().println("  expected   " + unmet);
      console.out().println("  got        " + step.got());
      console.out().println("  reproduce  " + reproduce());
    }
  }

  private void below(String line) {
    console.out().println(console.dim("    " + line));
  }

  private String reproduce() {
    var words = new ArrayList<String>(List.of("run", file.toString()));
    if (backend != null) {
      words.addAll(List.of("--backend", backend));
    }
    return World.command(words, settings, plugins);
  }

  private void save(Path to, @Nullable String on, World world, List<ScenarioStep> steps)
      throws IOException {
    try (BufferedWriter out = Files.newBufferedWriter(to)) {
      int program = -1;
      for (ScenarioStep s : steps) {
        if (s.program() != program) {
          program = s.program();
          out.write("# program " + program + "\n");
          LogCall host = CallEncoder.hostWishes(on, world.settings());
          if (host != null) {
            out.write(LogWriter.line(host.withResult(LogResult.of(Value.Num.of(0)))) + "\n");
          }
        }
        out.write(LogWriter.line(s.answered()));
        out.write('\n');
      }
    }
  }

  private Map<String, Object> document(@Nullable String on, List<ScenarioStep> steps, long unmet) {
    var list = new ArrayList<Map<String, Object>>();
    for (ScenarioStep s : steps) {
      var entry = new LinkedHashMap<String, Object>();
      entry.put("line", s.call().line());
      entry.put("call", LogWriter.callOnly(s.call()));
      entry.put("result", s.got());
      String expected = s.unmet();
      if (expected != null) {
        entry.put("expected", expected);
      }
      entry.put("events", events(s));
      entry.put("ownership", s.ownership());
      entry.put("counters", s.counters().stream().map(VmCounters::toString).toList());
      entry.put("tables", Map.of("core", s.tables().core(), "trusted", s.tables().trusted()));
      list.add(entry);
    }
    var doc = new LinkedHashMap<String, Object>();
    doc.put("format", "cocovisor.run");
    doc.put("version", 1);
    doc.put("scenario", file.toString());
    if (on != null) {
      doc.put("backend", on);
    }
    doc.put("calls", steps.size());
    doc.put("unmet", unmet);
    doc.put("steps", list);
    return doc;
  }

  private List<Map<String, Object>> events(ScenarioStep s) {
    var out = new ArrayList<Map<String, Object>>();
    for (ScenarioStep.Happened h : s.happened()) {
      TraceEvent e = h.event();
      if (trace.shows(e.kind())) {
        var entry = new LinkedHashMap<String, Object>();
        entry.put("depth", h.depth());
        entry.put("kind", e.kind().name().toLowerCase(Locale.ROOT));
        entry.put("name", e.name());
        entry.put("arguments", e.arguments());
        entry.put("result", e.result());
        out.add(entry);
      }
    }
    return out;
  }
}
