package dev.cocovisor.cli.run;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.PageOptions;
import dev.cocovisor.cli.print.TraceOptions;
import dev.cocovisor.cli.print.VerdictOptions;
import dev.cocovisor.explore.Explorer;
import dev.cocovisor.explore.Finding;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.explore.Report;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.report.html.Page;
import dev.cocovisor.report.results.Case;
import dev.cocovisor.script.scenario.Scenario;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/**
 * Tells what came of an exploration, or of a finding that was followed.
 *
 * @param reproduce the command that follows a finding again
 * @param clean whether a report without findings is a verdict though it is not exhaustive
 */
record ExploreReport(
    Console console, ExploreTarget target, Function<Finding, String> reproduce, boolean clean) {
  /** Writes the files that were asked for. */
  void write(
      Report r,
      Subject subject,
      PageOptions pages,
      TraceOptions traces,
      VerdictOptions verdicts,
      boolean anyAnswers)
      throws IOException {
    Scenario scenario = target.scenario();
    if (scenario != null && (pages.wanted() || traces.wanted())) {
      var runs = new ArrayList<Map<String, Object>>();
      var explorer = new Explorer(Limits.DEFAULT, !anyAnswers);
      for (Finding f : r.findings()) {
        runs.add(
            ScheduleJson.run(
                explorer.record(subject, f.schedule()), f, target.file(), target.on()));
      }
      var page = new Page("explore", target.file().toString(), scenario.about());
      page.chip(target.on(), "").chip(r.schedules() + " schedules", "").chip(r.strategy(), "");
      page.chip(r.findings().size() + " findings", r.findings().isEmpty() ? "good" : "bad");
      page.with("findings", r.findings().stream().map(Finding::what).toList());
      pages.write(page.runs(runs, false));
      traces.write(runs);
    }
    String suite = "explore " + target.file();
    verdicts.write(suite + " on " + target.on(), List.of(suite), cases(r), r.summary());
  }

  private List<Case> cases(Report r) {
    var cases = new ArrayList<Case>();
    String file = target.file().toString();
    String name = target.file().getFileName() + " on " + target.on() + ", " + r.strategy();
    for (Finding f : r.findings()) {
      var details = new ArrayList<>(f.lanes());
      details.add("reproduce: " + reproduce.apply(f));
      String title = name + ", finding " + (cases.size() + 1);
      cases.add(
          new Case(file, title, Case.Verdict.FAILED, f.what(), details, f.millis() * 1_000_000));
    }
    if (cases.isEmpty()) {
      var verdict = verdict(r) == ExitCode.CLEAN ? Case.Verdict.PASSED : Case.Verdict.SKIPPED;
      cases.add(new Case(file, name, verdict, r.summary(), List.of(), r.millis() * 1_000_000));
    }
    return cases;
  }

  /** Prints the findings of a search, and the line that ends it. */
  void print(Report r, boolean outcomes) {
    for (Finding f : r.findings()) {
      lanes(f);
      console
          .out()
          .println(
              "  found      at schedule %d after %d ms, %d preemption(s)"
                  .formatted(f.found(), f.millis(), f.preemptions()));
      console.out().println("  reproduce  " + reproduce.apply(f));
    }
    if (outcomes) {
      r.outcomes().forEach((text, n) -> console.out().println(n + " x\n" + text.indent(2)));
    }
    String summary = r.summary();
    console.out().println(r.findings().isEmpty() ? console.green(summary) : console.red(summary));
  }

  /** Prints what broke, and how. */
  void lanes(Finding f) {
    console.out().println(console.red(f.what()));
    f.lanes().forEach(l -> console.out().println("  " + l));
  }

  /** Returns the exit code of a report. */
  int verdict(Report r) {
    if (!r.findings().isEmpty()) {
      return ExitCode.FOUND;
    }
    return r.exhaustive() || clean ? ExitCode.CLEAN : ExitCode.BUDGET;
  }

  /** Returns the report as a document. */
  Map<String, Object> document(Report r) {
    var doc = new LinkedHashMap<String, Object>();
    doc.put("format", "cocovisor.explore");
    doc.put("version", 1);
    if (target.bug() != null) {
      doc.put("bug", target.bug().id());
    } else {
      doc.put("scenario", target.file().toString());
    }
    doc.put("backend", target.on());
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
