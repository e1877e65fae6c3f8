package dev.cocovisor.cli.plugin;

import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.cli.find.SettingOptions;
import dev.cocovisor.cli.find.ShippedPlugins;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.PageOptions;
import dev.cocovisor.cli.print.Progress;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.cli.print.VerdictOptions;
import dev.cocovisor.cli.run.WatchedRule;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.load.LoadedBackend;
import dev.cocovisor.host.pack.PluginStatus;
import dev.cocovisor.report.html.Page;
import dev.cocovisor.report.results.Case;
import dev.cocovisor.report.trace.FlightRecorder;
import dev.cocovisor.script.compare.Variant;
import dev.cocovisor.tck.RuleList;
import dev.cocovisor.tck.TckRun;
import dev.cocovisor.tck.report.RuleResult;
import dev.cocovisor.tck.report.Tally;
import dev.cocovisor.tck.rules.Rule;
import dev.cocovisor.tck.subject.Claim;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import picocli.CommandLine;
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
  /** Rules whose steps a page shows; more nobody reads. */
  private static final int MOST_RUNS = 40;

  private final Console console;

  @Parameters(
      arity = "0..*",
      paramLabel = "ID|PLUGIN[:NAME=VALUE]",
      description = {
        "Backends by id, or packages (zip or jar) that need not be installed; a package wins over",
        "an installed plugin of its id. Settings of its own stand behind it, each after a colon;",
        "one backend may stand there several times, and what differs is shown side by side."
      })
  private List<String> subjects = List.of();

  @Mixin private PluginOptions plugins = new PluginOptions();

  @Mixin private SettingOptions settings = new SettingOptions();

  @Option(names = "--list", description = "List the rules with their sources, and judge nobody.")
  private boolean list;

  @Option(
      names = "--rule",
      paramLabel = "ID",
      split = ",",
      description = "Only these rules: ids as C07, or letters of groups as C.")
  private List<String> rules = List.of();

  @Option(
      names = "--matrix",
      description =
          "Judge with each value of each setting that the technology offers, and with other orders"
              + " of folios and numbers of processors and vCPUs.")
  private boolean matrix;

  @Option(
      names = "--limit",
      paramLabel = "SECONDS",
      description = "How long a rule may take before it has failed.",
      defaultValue = "60",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS)
  private int limit = 60;

  @Mixin private PageOptions pages = new PageOptions();

  @Mixin private VerdictOptions verdicts = new VerdictOptions();

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  /** Creates the command. */
  public TckCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    if (list) {
      list();
      return ExitCode.CLEAN;
    }
    if (subjects.isEmpty()) {
      throw new UsageException("name a backend or a package to judge, or --list");
    }
    if (limit < 1) {
      throw new UsageException("--limit: a number of seconds from 1 expected");
    }
    pages.check();
    verdicts.check(pages);
    List<String> ids = ids();
    Map<JudgedBackend, List<RuleResult>> all = new LinkedHashMap<>();
    try (BackendRegistry registry = plugins.open()) {
      for (String subject : subjects) {
        Variant variant = variant(subject);
        for (LoadedBackend backend : find(registry, Objects.requireNonNull(variant.technology()))) {
          JudgedBackend plain =
              subjectOf(backend)
                  .withSettings(settings.checked(registry.technologies()))
                  .withSettings(checked(registry, variant));
          for (JudgedBackend one : matrix ? plain.matrix() : List.of(plain)) {
            all.put(one, judge(one, ids));
          }
        }
      }
    }
    if (pages.wanted()) {
      page(all);
    }
    if (json) {
      console.json(document(all));
    } else if (matrix) {
      new KitTables(all).matrix(console);
    } else if (all.size() > 1) {
      new KitTables(all).differences(console);
    }
    List<RuleResult> results = all.values().stream().flatMap(List::stream).toList();
    if (!json && all.size() > 1) {
      console.out().println(Tally.of(results));
    }
    return verdict(results);
  }

  private static Variant variant(String subject) {
    try {
      return Variant.parse(subject);
    } catch (IllegalArgumentException e) {
      throw new UsageException(e.getMessage() + "; ID:NAME=VALUE is meant, as acme:acme.keys=3");
    }
  }

  private static Map<String, String> checked(BackendRegistry registry, Variant variant) {
    Map<String, String> plain = new LinkedHashMap<>();
    try {
      variant
          .settings()
          .forEach((name, value) ->
              plain.put(name, registry.technologies().setting(name).checked(value)));
    } catch (IllegalArgumentException e) {
      throw new UsageException(variant.label() + ": " + e.getMessage());
    }
    return plain;
  }

  private static int verdict(List<RuleResult> results) {
    Tally tally = Tally.of(results);
    if (tally.failed() > 0) {
      return ExitCode.FOUND;
    }
    return tally.unjudged() > 0 ? ExitCode.BUDGET : ExitCode.CLEAN;
  }

  private List<String> ids() {
    try {
      return RuleList.ids(rules);
    } catch (IllegalArgumentException e) {
      throw new UsageException("--rule: " + e.getMessage());
    }
  }

  private void list() {
    for (String id : ids()) {
      var method = Objects.requireNonNull(RuleList.all().get(id));
      Rule rule = Objects.requireNonNull(method.getAnnotation(Rule.class));
      console.out().printf("%s  %s  %s%n", id, RuleList.name(method), console.dim(rule.source()));
    }
  }

  private List<RuleResult> judge(JudgedBackend subject, List<String> ids) throws IOException {
    List<String> head = Tally.head(subject);
    if (!json) {
      console.out().println(console.bold(head.getFirst()));
      head.subList(1, head.size()).forEach(console.out()::println);
    }
    List<RuleResult> results = judged(subject, ids);
    if (!json) {
      console.out().println(Tally.of(results));
      console.out().flush();
    }
    String name = subject.toString().replaceAll("[^A-Za-z0-9.=-]+", "-").replaceAll("-$", "");
    List<Case> cases = results.stream().map(r -> judged(subject, r)).toList();
    verdicts.write("cocovisor tck " + subject, head, cases, Tally.of(results).toString(), name);
    return results;
  }

  private List<RuleResult> judged(JudgedBackend subject, List<String> ids) {
    var timed = new FlightRecorder.Step[] {FlightRecorder.begin()};
    var count = new AtomicInteger();
    try (var progress = new Progress(console, "tck " + subject)) {
      return TckRun.run(
          subject,
          ids,
          Duration.ofSeconds(limit),
          r -> {
            timed[0].done(0, r.id() + " on " + subject, r.outcome().word(), 1);
            progress.clear();
            if (!json) {
              print(r);
            }
            progress.done(count.incrementAndGet(), ids.size(), "rules");
            timed[0] = FlightRecorder.begin();
          });
    }
  }

  private static Case judged(JudgedBackend subject, RuleResult r) {
    Case.Verdict verdict =
        switch (r.outcome()) {
          case SHOWN, REFUSED -> Case.Verdict.PASSED;
          case UNJUDGED -> Case.Verdict.SKIPPED;
          case FAILED -> Case.Verdict.FAILED;
        };
    String message =
        r.outcome() == RuleResult.Outcome.REFUSED ? "refused: " + r.message() : r.message();
    return new Case(
        subject.toString(),
        r.id() + " " + r.name(),
        verdict,
        message,
        List.of("source: " + r.source()),
        r.nanos(),
        r.outcome().word());
  }

  private void page(Map<JudgedBackend, List<RuleResult>> all) throws IOException {
    var page =
        new Page("tck", "cocovisor tck", "What each backend showed, by the rules of the kit.");
    var cases = new ArrayList<Map<String, Object>>();
    var runs = new ArrayList<Map<String, Object>>();
    all.forEach((subject, results) -> {
      Tally tally = Tally.of(results);
      page.chip(subject + ": " + tally, tally.failed() == 0 ? "good" : "bad");
      for (RuleResult r : results) {
        Case c = judged(subject, r);
        String name = r.id() + " on " + subject;
        if (shown(r) && runs.size() < MOST_RUNS) {
          runs.add(WatchedRule.of(subject, r, name, Duration.ofSeconds(limit)));
        }
        cases.add(
            Map.of(
                "name",
                name,
                "verdict",
                c.verdict().word(),
                "title",
                r.name(),
                "message",
                c.message().isEmpty() ? r.source() : c.message() + "\n" + r.source()));
      }
    });
    runs.removeIf(run -> run.get("steps") instanceof List<?> steps && steps.isEmpty());
    pages.write(page.runs(runs, false).with("cases", cases));
  }

  /** Tells whether a rule's steps are shown: it failed, or was asked for. */
  private boolean shown(RuleResult r) {
    return r.outcome() == RuleResult.Outcome.FAILED || !rules.isEmpty();
  }

  private static List<LoadedBackend> find(BackendRegistry registry, String subject)
      throws IOException {
    if (subject.endsWith(".zip") || subject.endsWith(".jar")) {
      Path file = Path.of(subject);
      if (!Files.isRegularFile(file)) {
        throw new UsageException(file + ": no such file");
      }
      return loaded(registry, file).backends().stream().map(registry::require).toList();
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

  /** Loads a package; an installed plugin of its id makes room for it. */
  private static PluginStatus loaded(BackendRegistry registry, Path file) {
    PluginStatus read = BackendRegistry.check(file);
    if (read.description() != null
        && registry.plugins().stream()
            .anyMatch(p ->
                p.state() == PluginStatus.State.LOADED
                    && p.description() != null
                    && p.id().equals(read.id()))) {
      registry.unload(read.id());
    }
    return registry.load(file);
  }

  private static JudgedBackend subjectOf(LoadedBackend backend) {
    try {
      return JudgedBackend.of(backend.backend(), backend.loader());
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  private void print(RuleResult r) {
    String outcome =
        switch (r.outcome()) {
          case SHOWN -> console.green("shown   ");
          case REFUSED -> "refused ";
          case UNJUDGED -> "unjudged";
          case FAILED -> console.red("FAILED  ");
        };
    console.out().printf("  %s  %s  %s  %s%n", r.id(), outcome, r.name(), console.dim(r.source()));
    if (!r.message().isEmpty()) {
      console.out().println("                 " + r.message());
    }
    console.out().flush();
  }

  private static Map<String, Object> document(Map<JudgedBackend, List<RuleResult>> all) {
    List<Object> backends = new ArrayList<>();
    all.forEach((subject, results) -> {
      Tally tally = Tally.of(results);
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("backend", subject.backend().info().id());
      one.put("settings", subject.settings());
      one.put("claims", subject.claims().stream().sorted().map(Claim::name).toList());
      one.put("missingClaims", subject.missingClaims().stream().sorted().map(Claim::name).toList());
      one.put("shown", tally.shown());
      one.put("refused", tally.refused());
      one.put("unjudged", tally.unjudged());
      one.put("failed", tally.failed());
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
    document.put("format", "cocovisor.tck");
    document.put("version", 3);
    document.put("backends", backends);
    return document;
  }
}
