package dev.cocovisor.cli.run;

import dev.cocovisor.bugs.Bugs;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.entry.TrialBug;
import dev.cocovisor.bugs.hunt.Found;
import dev.cocovisor.bugs.hunt.Hunt;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.PageOptions;
import dev.cocovisor.cli.print.TraceOptions;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.cli.print.VerdictOptions;
import dev.cocovisor.explore.Explorer;
import dev.cocovisor.explore.Finding;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.explore.Report;
import dev.cocovisor.explore.ScenarioSubject;
import dev.cocovisor.explore.Schedule;
import dev.cocovisor.explore.Search;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.explore.faults.FaultCampaign;
import dev.cocovisor.report.html.Page;
import dev.cocovisor.report.results.Case;
import dev.cocovisor.script.scenario.Scenario;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Searches what can happen when a scenario's actors act at the same time. */
@Command(
    name = "explore",
    mixinStandardHelpOptions = true,
    description = {
      "Searches what can happen when a scenario's actors act at the same time.",
      "A scenario names them by actor(\"name\") and ends them by together()."
    })
public final class ExploreCommand implements Callable<Integer> {
  /** Ways to search. */
  enum How {
    BOUND,
    DPOR,
    DELAYS,
    PCT,
    POS,
    RANDOM
  }

  /** A year: who means "for ever" gets as good as that. */
  private static final long MOST_SECONDS = 365L * 86_400;

  private static final int MOST_WORKERS = 1024;

  private final Console console;

  @Parameters(
      paramLabel = "SCENARIO",
      arity = "0..1",
      description = "A scenario that names actors; - is stdin; not with --bug.")
  private @Nullable Path scenarioFile;

  /** The scenario's file, or its name where it is a bug's. */
  private Path file = Path.of("");

  @Option(
      names = "--bug",
      paramLabel = "ID",
      description = "Put a bug of history in and explore its scenario; 'bugs' lists them.")
  private @Nullable String bugId;

  @Option(
      names = "--backend",
      paramLabel = "ID",
      description = "The technology; without it, the first the scenario names.")
  private @Nullable String backend;

  @Option(
      names = "--strategy",
      paramLabel = "HOW",
      defaultValue = "BOUND",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "bound, dpor, delays, pct, pos or random.")
  private How how = How.BOUND;

  @Option(
      names = "--bound",
      paramLabel = "N",
      defaultValue = "2",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "The most preemptions, or delays.")
  private int bound = 2;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "Where what is drawn at random begins.")
  private long seed = 1;

  @Option(
      names = "--schedules",
      paramLabel = "N",
      defaultValue = "1000000",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "The most schedules.")
  private long schedules = 1_000_000;

  @Option(
      names = "--seconds",
      paramLabel = "N",
      defaultValue = "600",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "The most time.")
  private long seconds = 600;

  @Option(
      names = "--workers",
      paramLabel = "N",
      description = "How many threads share the schedules; default one a processor.")
  private int workers = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--choices",
      paramLabel = "N",
      defaultValue = "0",
      description = {
        "With bound: the most things that go otherwise than they ordinarily do in one schedule: an"
            + " allocation or a firmware call that fails, a signal, an interrupt;"
            + " default ${DEFAULT-VALUE}."
      })
  private int choices;

  @Option(
      names = "--faults",
      description = {
        "No schedules: each allocation and firmware call of the scenario fails once, one a run.",
        "Needs no actors."
      })
  private boolean faults;

  @Option(names = "--pairs", description = "With --faults: two of them too, in one step.")
  private boolean pairs;

  @Option(
      names = "--schedule",
      paramLabel = "ORDER",
      description = "Follow this one schedule, as a finding prints it.")
  private @Nullable String schedule;

  @Option(
      names = "--any-answers",
      description = "Answers that no order of whole calls gives are no finding.")
  private boolean anyAnswers;

  @Option(names = "--outcomes", description = "Print every outcome and how often it came.")
  private boolean outcomes;

  @Mixin private PluginOptions plugins = new PluginOptions();

  @Mixin private SettingOptions settings = new SettingOptions();

  @Mixin private PageOptions pages = new PageOptions();

  @Mixin private TraceOptions traces = new TraceOptions();

  @Mixin private VerdictOptions verdicts = new VerdictOptions();

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  public ExploreCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    checkNumbers();
    checkWorkers();
    Path given = scenarioFile;
    if ((given == null) == (bugId == null)) {
      throw new UsageException("a scenario, or --bug with the id of a bug, expected");
    }
    pages.check();
    traces.check(pages);
    verdicts.check(pages);
    try (var world = new World(plugins, settings, console)) {
      if (given == null) {
        return bug(world);
      }
      file = given;
      Scenario scenario = world.read(file);
      List<String> named = scenario.backends();
      String on =
          world.known(
              backend != null ? backend : named.isEmpty() ? "sw-protected" : named.getFirst());
      if (faults) {
        return failures(scenario, world, on);
      }
      Subject subject = subject(scenario, world, on);
      Report report = explore(subject);
      write(report, subject, scenario, on);
      return report(report, on);
    }
  }

  private int bug(World world) throws IOException {
    Bug bug;
    try {
      bug = Bugs.of(String.valueOf(bugId));
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
    String on = world.known(bug.technology());
    var hunt = new Hunt(world.technologies(), Limits.DEFAULT.withMillis(seconds * 1000));
    if (hunt.explores(bug)) {
      anyAnswers |= !bug.answersMatter();
      file = Path.of(bug.scenarioName());
      Subject subject = hunt.subject(bug);
      Report report = explore(subject);
      if (!(bug instanceof TrialBug)) {
        write(report, subject, hunt.scenario(bug), on);
      }
      return report(report, on);
    }
    // Its scenario names no actors: there is one schedule.
    Found found = hunt.with(bug);
    if (json) {
      var doc = new LinkedHashMap<String, Object>();
      doc.put("format", "cocovisor.explore");
      doc.put("version", 1);
      doc.put("bug", bug.id());
      doc.put("backend", on);
      doc.put("strategy", found.strategy());
      doc.put("schedules", found.schedules());
      doc.put("exhaustive", found.whole());
      doc.put("findings", found.broke() ? List.of(Map.of("what", found.what())) : List.of());
      console.json(doc);
    } else {
      String summary =
          "schedules=1 outcomes=1 findings=%d exhaustive (one run)"
              .formatted(found.broke() ? 1 : 0);
      if (found.broke()) {
        console.out().println(console.red(found.what()));
      }
      console.out().println(found.broke() ? console.red(summary) : console.green(summary));
    }
    return found.broke() ? ExitCode.FOUND : ExitCode.CLEAN;
  }

  private static Subject subject(Scenario scenario, World world, String on) {
    try {
      return new ScenarioSubject(scenario, world.technologies(), on, world.settings());
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  private int failures(Scenario scenario, World world, String on) {
    try {
      var campaign = new FaultCampaign(scenario, world.technologies(), on, world.settings());
      List<String> words = List.of("explore", file.toString(), "--faults", "--backend", on);
      var runs =
          new FaultRuns(
              console,
              plan -> {
                var all = new ArrayList<>(words);
                all.addAll(List.of("--schedule", plan.toString()));
                return World.command(all, settings, plugins);
              });
      return schedule == null
          ? runs.report(campaign.run(pairs, schedules))
          : runs.replay(campaign, Schedule.parse(schedule));
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  private void checkNumbers() {
    if (choices < 0) {
      throw new UsageException("--choices: a number from 0 expected");
    }
    if (bound < 0) {
      throw new UsageException("--bound: a number from 0 expected");
    }
    if (schedules < 1) {
      throw new UsageException("--schedules: a number from 1 expected");
    }
    if (seconds < 1 || seconds > MOST_SECONDS) {
      throw new UsageException("--seconds: a number from 1 to " + MOST_SECONDS + " expected");
    }
  }

  private void checkWorkers() {
    if (workers < 1 || workers > MOST_WORKERS) {
      throw new UsageException("--workers: a number from 1 to " + MOST_WORKERS + " expected");
    }
  }

  private Report explore(Subject subject) {
    var limits = Limits.DEFAULT.withSchedules(schedules).withMillis(seconds * 1000);
    var explorer = new Explorer(limits, !anyAnswers).withWorkers(workers);
    if (schedule != null) {
      try {
        return explorer.replay(subject, Schedule.parse(schedule), Set.of());
      } catch (IllegalArgumentException e) {
        throw new UsageException(String.valueOf(e.getMessage()));
      }
    }
    return explorer.explore(
        subject,
        switch (how) {
          case BOUND ->
              choices == 0 ? new Search.Preemptions(bound) : new Search.Choices(bound, choices);
          case DPOR -> new Search.Dpor();
          case DELAYS -> new Search.Delays(bound);
          case PCT -> new Search.Pct(seed, bound + 1, schedules);
          case POS -> new Search.Pos(seed, schedules);
          case RANDOM -> new Search.Uniform(seed, schedules);
        });
  }

  private void write(Report r, Subject subject, Scenario scenario, String on) throws IOException {
    if (pages.wanted() || traces.wanted()) {
      var runs = new ArrayList<Map<String, Object>>();
      var explorer = new Explorer(Limits.DEFAULT, !anyAnswers);
      for (Finding f : r.findings()) {
        runs.add(ScheduleJson.run(explorer.record(subject, f.schedule()), f, file, on));
      }
      var page = new Page("explore", file.toString(), scenario.about());
      page.chip(on, "").chip(r.schedules() + " schedules", "").chip(r.strategy(), "");
      page.chip(r.findings().size() + " findings", r.findings().isEmpty() ? "good" : "bad");
      page.with("findings", r.findings().stream().map(Finding::what).toList());
      pages.write(page.runs(runs, false));
      traces.write(runs);
    }
    verdicts.write(
        "explore " + file + " on " + on, List.of("explore " + file), cases(r, on), r.summary());
  }

  private List<Case> cases(Report r, String on) {
    var cases = new ArrayList<Case>();
    String name = file.getFileName() + " on " + on + ", " + r.strategy();
    for (Finding f : r.findings()) {
      var details = new ArrayList<>(f.lanes());
      details.add("reproduce: " + reproduce(f, on));
      cases.add(
          new Case(
              file.toString(),
              name + ", finding " + (cases.size() + 1),
              Case.Verdict.FAILED,
              f.what(),
              details,
              f.millis() * 1_000_000));
    }
    if (cases.isEmpty()) {
      boolean judged = verdict(r) == ExitCode.CLEAN;
      cases.add(
          new Case(
              file.toString(),
              name,
              judged ? Case.Verdict.PASSED : Case.Verdict.SKIPPED,
              r.summary(),
              List.of(),
              r.millis() * 1_000_000));
    }
    return cases;
  }

  private int report(Report r, String on) {
    if (json) {
      console.json(document(r, on));
    } else {
      for (Finding f : r.findings()) {
        print(f, on);
      }
      if (outcomes) {
        r.outcomes().forEach((text, n) -> console.out().println(n + " x\n" + text.indent(2)));
      }
      String summary = r.summary();
      console.out().println(r.findings().isEmpty() ? console.green(summary) : console.red(summary));
    }
    return verdict(r);
  }

  private int verdict(Report r) {
    if (!r.findings().isEmpty()) {
      return ExitCode.FOUND;
    }
    boolean sampled = how == How.PCT || how == How.POS || how == How.RANDOM;
    return r.exhaustive() || sampled || schedule != null ? ExitCode.CLEAN : ExitCode.BUDGET;
  }

  private void print(Finding f, String on) {
    console.out().println(console.red(f.what()));
    f.lanes().forEach(l -> console.out().println("  " + l));
    console
        .out()
        .println(
            "  found      at schedule %d after %d ms, %d preemption(s)"
                .formatted(f.found(), f.millis(), f.preemptions()));
    console.out().println("  reproduce  " + reproduce(f, on));
  }

  private String reproduce(Finding f, String on) {
    var words = new ArrayList<String>();
    words.add("explore");
    words.addAll(
        bugId != null ? List.of("--bug", bugId) : List.of(file.toString(), "--backend", on));
    words.addAll(List.of("--schedule", f.schedule().toString()));
    if (anyAnswers) {
      words.add("--any-answers");
    }
    return World.command(words, settings, plugins);
  }

  private Map<String, Object> document(Report r, String on) {
    var doc = new LinkedHashMap<String, Object>();
    doc.put("format", "cocovisor.explore");
    doc.put("version", 1);
    doc.put(bugId != null ? "bug" : "scenario", bugId != null ? bugId : file.toString());
    doc.put("backend", on);
    doc.put("strategy", r.strategy().toLowerCase(Locale.ROOT));
    doc.put("schedules", r.schedules());
    doc.put("steps", r.steps());
    doc.put("exhaustive", r.exhaustive());
    doc.put("outcomes", r.outcomes());
    doc.put(
        "findings",
        r.findings().stream()
            .map(f ->
                Map.of(
                    "what", f.what(),
                    "schedule", f.schedule().toString(),
                    "preemptions", f.preemptions(),
                    "found", f.found(),
                    "lanes", f.lanes()))
            .toList());
    return doc;
  }
}
