package dev.cocovisor.cli.run;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.MismatchSink;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.report.html.Page;
import dev.cocovisor.report.model.RunModel;
import dev.cocovisor.report.results.Case;
import dev.cocovisor.script.replay.KvmLogReplayer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The programs of logs that did not answer as recorded, to be looked at and to be told of. */
final class FailingPrograms {
  /** More than these nobody reads. */
  private static final int MOST = 40;

  /** A program, by its log and number. */
  private record Program(String log, int number) {}

  private record Failed(Mismatch mismatch, String reproduce) {}

  private final Map<Program, List<Failed>> failed = new LinkedHashMap<>();
  private final Map<String, ReplaySummary> logs = new LinkedHashMap<>();

  /** Takes note of an answer that differs. */
  void add(Mismatch m, String reproduce) {
    failed
        .computeIfAbsent(new Program(m.log(), m.program()), _ -> new ArrayList<>())
        .add(new Failed(m, reproduce));
  }

  /** A log was replayed. */
  void done(String log, ReplaySummary summary) {
    logs.put(log, summary);
  }

  /** Returns a case for each program that failed, and one a log for all that did not. */
  List<Case> cases() {
    var cases = new ArrayList<Case>();
    failed.forEach((program, all) -> {
      Mismatch first = all.getFirst().mismatch();
      var details = new ArrayList<String>();
      all.forEach(f ->
          details.add(
              "line %d: %s: expected %s, got %s"
                  .formatted(
                      f.mismatch().line(),
                      f.mismatch().call(),
                      f.mismatch().expected(),
                      f.mismatch().got())));
      details.add("reproduce: " + all.getFirst().reproduce());
      cases.add(
          new Case(
              program.log(),
              program.log() + " program " + program.number(),
              Case.Verdict.FAILED,
              "line " + first.line() + ": expected " + first.expected() + ", got " + first.got(),
              details,
              0));
    });
    logs.forEach((log, s) -> {
      long bad = failed.keySet().stream().filter(p -> p.log().equals(log)).count();
      cases.add(
          new Case(
              log,
              log + ", " + (s.programs() - bad) + " programs as recorded",
              Case.Verdict.PASSED,
              "",
              List.of(),
              0));
    });
    return cases;
  }

  /** Runs the failing programs of logs of KVM once more, watched. */
  List<Map<String, Object>> runs(World world, Console console) throws IOException {
    var runs = new ArrayList<Map<String, Object>>();
    for (Program p : failed.keySet()) {
      if (runs.size() == MOST) {
        console.err().println("shown are the first " + MOST + " of " + failed.size() + " programs");
        break;
      }
      var model = new RunModel();
      int[] steps = new int[1];
      var replayer =
          new KvmLogReplayer(world.technologies())
              .withSettings(world.settings())
              .passingOver(_ -> {})
              .watchedBy((_, step, state) -> {
                steps[0]++;
                model.step(StepJson.of(step, _ -> true), state.get());
              });
      if (!p.log().replaceFirst("\\.gz$", "").endsWith("." + replayer.suffix())) {
        console.err().println(p.log() + ": only programs of KVM's calls can be shown");
        continue;
      }
      var _ =
          replayer.replay(
              LogSource.file(Path.of(p.log())),
              new ReplayOptions(p.number(), 0),
              MismatchSink.NONE);
      var head = new LinkedHashMap<String, Object>();
      head.put("scenario", p.log());
      head.put("name", "program " + p.number());
      head.put("calls", steps[0]);
      runs.add(model.document(head));
    }
    return runs;
  }

  /** Returns the page of the runs. */
  Page page(List<Map<String, Object>> runs) {
    long programs = logs.values().stream().mapToLong(ReplaySummary::programs).sum();
    var page =
        new Page(
            "replay",
            String.join(", ", logs.keySet()),
            failed.isEmpty() ? "Every answer is as recorded." : "Programs that answer otherwise.");
    page.chip(programs + " programs", "");
    page.chip(failed.size() + " fail", failed.isEmpty() ? "good" : "bad");
    var findings = new ArrayList<String>();
    failed.forEach((p, all) ->
        all.stream()
            .limit(5)
            .forEach(f ->
                findings.add(
                    "program %d, line %d, %s: expected %s, got %s"
                        .formatted(
                            p.number(),
                            f.mismatch().line(),
                            f.mismatch().call(),
                            f.mismatch().expected(),
                            f.mismatch().got()))));
    return page.runs(runs, false)
        .with("findings", findings.subList(0, Math.min(8, findings.size())));
  }
}
