package dev.cocovisor.cli.run;

import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.hunt.Found;
import dev.cocovisor.bugs.hunt.Hunt;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.WorkerOptions;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.OutputFile;
import dev.cocovisor.cli.print.PageOptions;
import dev.cocovisor.cli.print.Progress;
import dev.cocovisor.cli.print.TraceOptions;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.cli.print.VerdictOptions;
import dev.cocovisor.explore.Explorer;
import dev.cocovisor.explore.Finding;
import dev.cocovisor.explore.FindingFile;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.explore.Report;
import dev.cocovisor.explore.Schedule;
import dev.cocovisor.explore.Search;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.explore.faults.FaultCampaign;
import dev.cocovisor.report.trace.FlightRecorder;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.Step;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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

  private final Console console;

  @Parameters(
      paramLabel = "SCENARIO",
      arity = "0..1",
      description = {
        "A scenario that names actors, or a finding's file, which is followed; - is stdin.",
        "Not with --bug."
      })
  private @Nullable Path scenarioFile;

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

  @Mixin private SearchLimits reach = new SearchLimits(600);

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

  @Mixin private WorkerOptions workers = new WorkerOptions();

  @Option(
      names = "--choices",
      paramLabel = "N",
      defaultValue = "0",
      description = {
        "With bound: the most things that go otherwise than they ordinarily do in one"
            + " schedule: an allocation or a firmware call that fails, a signal, an interrupt;"
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
      names = "--save",
      paramLabel = "FILE",
      description = "Write what is found as a scenario that 'run' follows step by step.")
  private @Nullable Path save;

  @Option(
      names = "--fix",
      paramLabel = "WHAT",
      description = {
        "Set what is found beside the same order, and every order within the bound, under"
            + " something else: NAME=VALUE, a technology as ID or ID:NAME=VALUE, without-bug, or"
            + " bug=ID; exit 0 if nothing breaks there."
      })
  private @Nullable String fix;

  @Option(
      names = "--anew",
      description = "With a finding's file: search its scenario instead of following it.")
  private boolean anew;

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
    var _ = workers.count();
    Path given = scenarioFile;
    if ((given == null) == (bugId == null)) {
      throw new UsageException("a scenario, or --bug with the id of a bug, expected");
    }
    if (json && fix != null) {
      throw new UsageException("--fix sets two runs beside each other in words; without --json");
    }
    pages.check();
    traces.check(pages);
    verdicts.check(pages);
    pages.check("--save", save);
    try (var world = new World(plugins, settings, console)) {
      if (given == null) {
        return bug(world);
      }
      Scenario scenario = world.read(given);
      Step.Finding finding = scenario.finding();
      if (faults) {
        return failures(scenario, world, ExploreTarget.of(given, scenario, backend, world).on());
      }
      if (finding == null) {
        return explore(ExploreTarget.of(given, scenario, backend, world), world);
      }
      var target = ExploreTarget.of(given, scenario, finding, backend, world);
      anyAnswers |= finding.anyAnswers();
      return anew || schedule != null ? explore(target, world) : follow(target, finding, world);
    }
  }

  /** Follows a finding's file; with --fix, also under something else. */
  private int follow(ExploreTarget target, Step.Finding finding, World world) throws IOException {
    var words = List.of("run", target.file().toString());
    var command = World.command(words, settings, plugins);
    var run = new FindingRun(console, world, target, anyAnswers, command);
    int code = run.follow(finding, json, pages, traces, verdicts);
    if (fix == null || code == ExitCode.CLEAN) {
      return code;
    }
    boolean mended =
        run.compare(finding.schedule(), finding.breaks(), fix, reach.bound(), limits());
    return mended ? ExitCode.CLEAN : ExitCode.FOUND;
  }

  private int explore(ExploreTarget target, World world) throws IOException {
    Subject subject = target.subject(world);
    Report r = explore(subject);
    boolean sampled = how == How.PCT || how == How.POS || how == How.RANDOM;
    var report =
        new ExploreReport(console, target, f -> reproduce(f, target), sampled || schedule != null);
    report.write(r, subject, pages, traces, verdicts, anyAnswers);
    if (json) {
      console.json(report.document(r));
    } else {
      report.print(r, outcomes);
    }
    if (r.findings().isEmpty()) {
      return report.verdict(r);
    }
    Finding first = r.findings().getFirst();
    if (save != null) {
      long drawn = sampled ? seed : 0;
      OutputFile.write(save, target.file(first, drawn, anyAnswers, reproduce(first, target)));
    }
    if (fix == null) {
      return ExitCode.FOUND;
    }
    var run = new FindingRun(console, world, target, anyAnswers, "");
    String what = FindingFile.firstLine(first.what());
    boolean mended = run.compare(first.schedule().toString(), what, fix, reach.bound(), limits());
    return mended ? ExitCode.CLEAN : ExitCode.FOUND;
  }

  private Limits limits() {
    return Limits.DEFAULT.withSchedules(schedules).withMillis(reach.millis());
  }

  private int bug(World world) throws IOException {
    ExploreTarget target = ExploreTarget.of(String.valueOf(bugId), world);
    Bug bug = Objects.requireNonNull(target.bug());
    var hunt = new Hunt(world.technologies(), Limits.DEFAULT.withMillis(reach.millis()));
    if (hunt.explores(bug)) {
      anyAnswers |= !bug.answersMatter();
      return explore(target, world);
    }
    if (save != null || fix != null) {
      throw new UsageException(
          "--save and --fix: "
              + bug.id()
              + " shows in one run without a schedule; bugs "
              + bug.id()
              + " prints its scenario, bugs --check runs it without the bug");
    }
    String on = target.on();
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

  private int failures(Scenario scenario, World world, String on) {
    try {
      var campaign = new FaultCampaign(scenario, world.technologies(), on, world.settings());
      List<String> words =
          List.of("explore", String.valueOf(scenarioFile), "--faults", "--backend", on);
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
    reach.check();
    if (schedules < 1) {
      throw new UsageException("--schedules: a number from 1 expected");
    }
  }

  private Report explore(Subject subject) {
    var explorer = new Explorer(limits(), !anyAnswers).withWorkers(workers.count());
    if (schedule != null) {
      try {
        return explorer.replay(subject, Schedule.parse(schedule), Set.of());
      } catch (IllegalArgumentException e) {
        throw new UsageException(String.valueOf(e.getMessage()));
      }
    }
    boolean drawn = how == How.PCT || how == How.POS || how == How.RANDOM;
    var timed = FlightRecorder.begin();
    try (var progress = new Progress(console, "explore " + subject.name())) {
      Report report =
          explorer.explore(new CountedSubject(subject, progress, drawn ? schedules : 0), search());
      timed.done(0, "explore " + subject.name(), report.summary(), (int) report.schedules());
      return report;
    }
  }

  private Search search() {
    return switch (how) {
      case BOUND ->
          choices == 0
              ? new Search.Preemptions(reach.bound())
              : new Search.Choices(reach.bound(), choices);
      case DPOR -> new Search.Dpor();
      case DELAYS -> new Search.Delays(reach.bound());
      case PCT -> new Search.Pct(seed, reach.bound() + 1, schedules);
      case POS -> new Search.Pos(seed, schedules);
      case RANDOM -> new Search.Uniform(seed, schedules);
    };
  }

  private String reproduce(Finding f, ExploreTarget target) {
    var words = new ArrayList<String>();
    words.add("explore");
    words.addAll(
        bugId != null
            ? List.of("--bug", bugId)
            : List.of(target.file().toString(), "--backend", target.on()));
    words.addAll(List.of("--schedule", f.schedule().toString()));
    if (anyAnswers) {
      words.add("--any-answers");
    }
    return World.command(words, settings, plugins);
  }
}
