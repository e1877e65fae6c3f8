package dev.cocovisor.cli.run;

import dev.cocovisor.api.kernel.KernelProfile;
import dev.cocovisor.api.kernel.KernelRule;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.PageOptions;
import dev.cocovisor.cli.print.TraceOptions;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.VendorFailure;
import dev.cocovisor.script.compare.Comparison;
import dev.cocovisor.script.compare.Difference;
import dev.cocovisor.script.compare.KernelDifference;
import dev.cocovisor.script.compare.Variant;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioStep;
import dev.cocovisor.script.scenario.Standstill;
import dev.cocovisor.script.scenario.StepFailure;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.UnaryOperator;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Runs one scenario on several technologies and shows them side by side. */
@Command(
    name = "compare",
    mixinStandardHelpOptions = true,
    description = {
      "Runs one scenario on several technologies, or kernels, and shows them side by side:",
      "each step's result, what the guest keeps of what it wrote, what the host can read,",
      "what it cost. Below the table each difference in words, with its rule and source."
    })
public final class CompareCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(
      paramLabel = "SCENARIO",
      description = "A scenario of steps every technology has; - is stdin.")
  private Path file = Path.of("");

  @Option(
      names = "--backends",
      split = ",",
      paramLabel = "ID",
      description = {
        "The technologies; without it, those the scenario names, else all. One may stand there",
        "more than once with settings of its own: ID:NAME=VALUE,ID:NAME=VALUE."
      })
  private List<String> chosen = List.of();

  @Option(
      names = "--kernels",
      split = ",",
      paramLabel = "KERNEL",
      description =
          "Set kernels side by side instead: 6.12, 6.16, 6.18, 7.2, 7.3, 7.4. --backends names the"
              + " one technology; without it, the scenario's first.")
  private List<String> kernels = List.of();

  @Mixin private PluginOptions plugins = new PluginOptions();

  @Mixin private SettingOptions settings = new SettingOptions();

  @Mixin private StepLimit limit = new StepLimit();

  @Mixin private PageOptions pages = new PageOptions();

  @Mixin private TraceOptions traces = new TraceOptions();

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  public CompareCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    try (var world = new World(plugins, settings, console)) {
      var _ = world.known(variants(chosen).stream().map(Variant::technology).toList());
      return compare(world.read(file), world);
    }
  }

  private int compare(Scenario scenario, World world) throws IOException {
    return kernels.isEmpty() ? technologies(scenario, world) : kernels(scenario, world);
  }

  private static List<Variant> variants(List<String> texts) {
    try {
      List<Variant> all = texts.stream().map(Variant::parse).toList();
      if (all.stream().map(Variant::label).distinct().count() < all.size()) {
        throw new UsageException("--backends: the same column twice; set one otherwise");
      }
      return all;
    } catch (IllegalArgumentException e) {
      throw new UsageException("--backends: " + e.getMessage());
    }
  }

  private static Variant settled(Variant v, World world) {
    var settings = new LinkedHashMap<String, String>();
    try {
      v.settings()
          .forEach((name, value) ->
              settings.put(name, world.technologies().setting(name).checked(value)));
    } catch (IllegalArgumentException e) {
      throw new UsageException("--backends: " + e.getMessage());
    }
    String id = v.technology();
    return new Variant(v.label(), id == null ? null : world.known(id), settings);
  }

  /** Kernels side by side; what a scenario expects is said of one kernel and not looked at. */
  private int kernels(Scenario scenario, World world) throws IOException {
    List<String> named = chosen.isEmpty() ? scenario.backends() : chosen;
    if (chosen.size() > 1) {
      throw new UsageException("--kernels: one technology at a time, --backends ID");
    }
    String technology = named.isEmpty() ? null : world.known(named.getFirst());
    List<KernelRule<?>> rules = Kvm.kernelRules(world.technologies().backends());
    try {
      kernels.forEach(k -> KernelProfile.parse(k, rules));
    } catch (IllegalArgumentException e) {
      throw new UsageException("--kernels: " + e.getMessage());
    }
    var page =
        page(k -> technology == null ? "kernel " + k : technology + " on kernel " + k, false);
    Comparison comparison =
        compared(
            scenario,
            kernels.stream().map(k -> Variant.kernel(k, technology)).toList(),
            world,
            page);
    List<KernelDifference> differences =
        KernelDifference.of(
            comparison, scenario, technology, world.technologies(), world.settings(), rules);
    page.write(scenario, comparison, KernelReport.words(differences));
    var report = new KernelReport(console);
    if (json) {
      console.json(KernelReport.document(file.toString(), comparison, differences));
    } else {
      report.print(comparison, differences);
    }
    return comparison.columns().stream().mapToInt(this::failed).max().orElse(ExitCode.CLEAN);
  }

  private int technologies(Scenario scenario, World world) throws IOException {
    List<String> named = chosen.isEmpty() ? scenario.backends() : chosen;
    List<Variant> variants =
        named.isEmpty()
            ? world.technologies().ids().stream().map(Variant::of).toList()
            : variants(named).stream().map(v -> settled(v, world)).toList();
    if (!scenario.isNeutral()) {
      throw new UsageException(
          file + ": no line is a step that every technology has (vm_launch, ...); use run");
    }
    var page = page(label -> label, true);
    Comparison comparison = compared(scenario, variants, world, page);
    List<Difference> differences = Difference.of(comparison, world.technologies());
    page.write(scenario, comparison, ComparisonReport.words(differences));
    if (json) {
      console.json(ComparisonReport.document(file.toString(), comparison, differences));
    } else {
      new ComparisonReport(console).print(comparison, differences);
      comparison.columns().forEach(this::unmet);
    }
    int failed = comparison.columns().stream().mapToInt(this::failed).max().orElse(0);
    if (failed != ExitCode.CLEAN) {
      return failed;
    }
    boolean clean = comparison.columns().stream().allMatch(c -> c.unmet() == 0);
    return clean ? ExitCode.CLEAN : ExitCode.FOUND;
  }

  private ComparisonPage page(UnaryOperator<String> heading, boolean judged) {
    return new ComparisonPage(file, pages, traces, heading, judged);
  }

  private Comparison compared(
      Scenario scenario, List<Variant> variants, World world, ComparisonPage page) {
    try (var watch = limit.watch(console)) {
      return Comparison.of(
          scenario,
          variants,
          world.technologies(),
          world.settings(),
          (label, step, run) -> {
            watch.done(file + ":" + step.call().line() + " on " + label);
            page.step(label, step, run);
          });
    }
  }

  /** Tells why a technology's column ends early, if it does; returns the exit code of that. */
  private int failed(Comparison.Column c) {
    StepFailure failure = c.failure();
    if (failure == null) {
      return ExitCode.CLEAN;
    }
    console.err().println("cocovisor: " + c.label() + " failed at " + failure.place());
    if (failure.getCause() instanceof VendorFailure v) {
      console.err().println(plugins.blame(v).text());
      return ExitCode.PLUGIN;
    }
    if (failure.getCause() instanceof Standstill s) {
      console.err().println(s.getMessage());
      return ExitCode.BUDGET;
    }
    failure.printStackTrace(console.err());
    return ExitCode.INTERNAL;
  }

  private void unmet(Comparison.Column c) {
    for (ScenarioStep s : c.stepsDone()) {
      String unmet = s.unmet();
      if (unmet == null) {
        continue;
      }
      var lines = new LinkedHashMap<String, String>();
      lines.put("expected", unmet);
      lines.put("got", s.got());
      var words = new ArrayList<String>(List.of("run", file.toString()));
      if (c.variant().technology() != null) {
        words.addAll(List.of("--backend", c.variant().technology()));
      }
      c.variant().settings().forEach((k, v) -> words.addAll(List.of("--set", k + "=" + v)));
      lines.put("reproduce", World.command(words, settings, plugins));
      console
          .out()
          .println(console.red(file + ":" + s.call().line() + ": not as expected on " + c.label()));
      lines.forEach((k, v) -> console.out().printf("  %-9s  %s%n", k, v));
    }
  }
}
