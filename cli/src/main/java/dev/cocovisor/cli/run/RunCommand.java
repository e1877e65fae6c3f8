package dev.cocovisor.cli.run;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.EventTree;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.PageOptions;
import dev.cocovisor.cli.print.TraceOptions;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.cli.print.VerdictOptions;
import dev.cocovisor.report.html.Page;
import dev.cocovisor.report.model.RunModel;
import dev.cocovisor.report.results.Case;
import dev.cocovisor.report.trace.FlightRecorder;
import dev.cocovisor.script.call.CallEncoder;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioRun;
import dev.cocovisor.script.scenario.ScenarioStep;
import dev.cocovisor.script.scenario.Step;
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
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
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
      "A result written in the scenario is an expectation; results may be left out.",
      "A finding that explore saved is followed in its order; exit 1 while it shows."
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

  @Parameters(
      paramLabel = "SCENARIO",
      description = "A call log, plain or packed by gzip; - is stdin.")
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
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
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

  @Mixin private PageOptions pages = new PageOptions();

  @Mixin private TraceOptions traces = new TraceOptions();

  @Mixin private VerdictOptions verdicts = new VerdictOptions();

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
      Scenario scenario = world.read(file);
      Step.Finding finding = scenario.finding();
      return finding == null ? run(scenario, world) : follow(scenario, finding, world);
    }
  }

  private int follow(Scenario scenario, Step.Finding finding, World world) throws IOException {
    pages.check();
    traces.check(pages);
    verdicts.check(pages);
    if (save != null) {
      throw new UsageException("--save: a finding is followed step by step and saves no calls");
    }
    var target = ExploreTarget.of(file, scenario, finding, backend, world);
    return new FindingRun(console, world, target, finding.anyAnswers(), reproduce())
        .follow(finding, json, pages, traces, verdicts);
  }

  private int run(Scenario scenario, World world) throws IOException {
    String on = backend != null ? backend : firstOf(scenario, world);
    if (on != null && !json) {
      console.out().println(console.dim("# on " + on));
    }
    if (scenario.isLong() && trace != Trace.NONE) {
      console.err().println("more than 100,000 lines: answers are told, and nothing else");
    }
    pages.check();
    traces.check(pages);
    verdicts.check(pages);
    pages.check("--save", save);
    // A run of any length keeps only what somebody asked for.
    boolean keeps = save != null || verdicts.wanted();
    var steps = new ArrayList<ScenarioStep>();
    long[] counts = new long[2];
    var model = new RunModel();
    var timed = new FlightRecorder.Step[] {FlightRecorder.begin()};
    boolean looks = json || pages.wanted() || traces.wanted();
    try (var watch = limit.watch(console);
        var run = new ScenarioRun(scenario, world.technologies(), on, world.settings())) {
      if (trace == Trace.NONE && !looks) {
        var _ = run.onlyAnswers();
      }
      watch.follow(run::work);
      run.run(step -> {
        watch.done(file + ":" + step.call().line());
        String call = LogWriter.callOnly(step.call());
        timed[0].done(step.call().line(), call, step.got(), step.happened().size());
        counts[0]++;
        counts[1] += step.unmet() == null ? 0 : 1;
        if (keeps) {
          steps.add(step);
        }
        if (looks) {
          model.step(StepJson.of(step, trace::shows), run.state());
        }
        if (!json) {
          print(step);
        }
        timed[0] = FlightRecorder.begin();
      });
    }
    if (save != null) {
      save(save, on, world, steps);
    }
    long calls = counts[0];
    long unmet = counts[1];
    if (looks) {
      Map<String, Object> document = document(scenario, on, model, calls, unmet);
      pages.write(page(document, scenario, unmet));
      traces.write(List.of(document));
      if (json) {
        console.json(document);
      }
    }
    if (!json) {
      String summary = "calls=" + calls + " unmet=" + unmet;
      console.out().println(unmet == 0 ? console.green(summary) : console.red(summary));
    }
    String suite = "run " + file + (on == null ? "" : " on " + on);
    verdicts.write(suite, List.of(suite), cases(steps), "calls=" + calls + " unmet=" + unmet);
    return unmet == 0 ? ExitCode.CLEAN : ExitCode.FOUND;
  }

  /** A case a step; one of which nothing was expected was not judged. */
  private List<Case> cases(List<ScenarioStep> steps) {
    var cases = new ArrayList<Case>();
    for (ScenarioStep s : steps) {
      String name = "line " + s.call().line() + " " + LogWriter.callOnly(s.call());
      String unmet = s.unmet();
      boolean judged = unmet != null || s.expected();
      String message = unmet == null ? judged ? "" : "nothing was expected" : "expected " + unmet;
      cases.add(
          new Case(
              file.toString(),
              name,
              unmet != null
                  ? Case.Verdict.FAILED
                  : judged ? Case.Verdict.PASSED : Case.Verdict.SKIPPED,
              message,
              List.of("got " + s.got(), "reproduce: " + reproduce()),
              0));
    }
    return cases;
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

  private Map<String, Object> document(
      Scenario scenario, @Nullable String on, RunModel model, long calls, long unmet) {
    var head = new LinkedHashMap<String, Object>();
    head.put("scenario", file.toString());
    head.put("about", scenario.about());
    if (on != null) {
      head.put("backend", on);
    }
    head.put("calls", calls);
    head.put("unmet", unmet);
    return model.document(head);
  }

  private Page page(Map<String, Object> document, Scenario scenario, long unmet) {
    var page = new Page("run", file.toString(), scenario.about());
    if (document.get("backend") instanceof String on) {
      page.chip(on, "");
    }
    settings.words().forEach(w -> page.chip(w, ""));
    page.chip(document.get("calls") + " calls", "");
    page.chip(unmet + " unmet", unmet == 0 ? "good" : "bad");
    return page.runs(List.of(document), false);
  }
}
