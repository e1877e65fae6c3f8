package dev.cocovisor.cli.measure;

import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.measure.MalformedVector;
import dev.cocovisor.api.measure.VectorFields;
import dev.cocovisor.api.measure.VectorResult;
import dev.cocovisor.cli.find.Measurers;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.Progress;
import dev.cocovisor.cli.print.Quoting;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.report.trace.FlightRecorder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Checks vector files and prints what fails. */
public final class MeasureVectors {
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private final Console console;
  private final Measurers measurers;

  /**
   * The results of one file.
   *
   * @param cases one each
   * @param tables what else the file holds
   */
  public record Report(
      Path file, String kind, List<VectorResult> cases, List<VectorResult> tables) {
    static long failed(List<VectorResult> results) {
      return results.stream().filter(r -> !r.passed()).count();
    }

    boolean clean() {
      return failed(cases) + failed(tables) == 0;
    }
  }

  public MeasureVectors(Console console, Measurers measurers) {
    this.console = console;
    this.measurers = measurers;
  }

  public int run(List<Path> files, @Nullable String only, boolean json) {
    List<Report> reports = new ArrayList<>();
    for (Path file : expanded(files)) {
      Report report = check(file, only);
      reports.add(report);
      if (!json) {
        print(report);
      }
    }
    if (only != null && reports.stream().allMatch(r -> r.cases.isEmpty())) {
      throw new UsageException("no vector file has a case '" + only + "'");
    }
    if (json) {
      console.json(document(reports));
    }
    return reports.stream().allMatch(Report::clean) ? ExitCode.CLEAN : ExitCode.FOUND;
  }

  /** Puts a folder's JSON files, by name, in its place. */
  private static List<Path> expanded(List<Path> files) {
    List<Path> out = new ArrayList<>();
    for (Path file : files) {
      if (!Files.isDirectory(file)) {
        out.add(file);
        continue;
      }
      try (Stream<Path> all = Files.list(file)) {
        List<Path> found = all.filter(f -> f.toString().endsWith(".json")).sorted().toList();
        if (found.isEmpty()) {
          throw new UsageException(file + ": the folder holds no vector file (*.json)");
        }
        out.addAll(found);
      } catch (IOException e) {
        throw new UsageException(file + ": cannot be read: " + e.getMessage());
      }
    }
    return out;
  }

  /**
   * Checks one file.
   *
   * @param only the one case to check, without the tables; null: everything
   */
  public Report check(Path file, @Nullable String only) {
    Map<String, ?> document = read(file);
    VectorFields fields = new VectorFields(document);
    try {
      if (!fields.text("format").startsWith("launch-vectors/")) {
        throw new UsageException(file + ": not launch vectors: " + fields.text("format"));
      }
      LaunchMeasurer measurer = measurers.forKind(fields.text("kind"));
      Path parent = file.toAbsolutePath().getParent();
      Path directory = parent == null ? Path.of("/") : parent;
      List<VectorResult> cases = new ArrayList<>();
      List<VectorFields> all =
          fields.objects("cases").stream()
              .filter(c -> only == null || only.equals(c.map().get("name")))
              .toList();
      try (var progress = new Progress(console, file.toString())) {
        for (VectorFields c : all) {
          var timed = FlightRecorder.begin();
          VectorResult result = measurer.check(c.map(), directory);
          timed.done(0, file + ": " + c.map().get("name"), result.passed() ? "ok" : "failed", 1);
          cases.add(result);
          progress.done(cases.size(), all.size(), "cases");
        }
      }
      return new Report(
          file,
          fields.text("kind"),
          cases,
          only == null ? measurer.checkTables(document, directory) : List.of());
    } catch (MalformedVector e) {
      throw new UsageException(file + ": " + e.getMessage());
    }
  }

  /** Reads a vector file into plain maps, lists, strings and numbers. */
  @SuppressWarnings("unchecked") // a JSON object's keys are strings
  public static Map<String, ?> read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new UsageException(file + ": no such file");
    }
    try {
      Object root = JSON.readValue(file.toFile(), Object.class);
      if (root instanceof Map<?, ?> map) {
        return (Map<String, ?>) map;
      }
    } catch (JacksonException e) {
      throw new UsageException(file + ": not JSON: " + e.getOriginalMessage());
    }
    throw new UsageException(file + ": not a JSON object");
  }

  private void print(Report report) {
    for (VectorResult r : report.cases) {
      if (!r.passed()) {
        console.out().println(console.red("FAILED ") + r.name() + ": " + r.detail());
        console
            .out()
            .println(
                "  reproduce: "
                    + Quoting.command(
                        "measure", "--vectors", report.file.toString(), "--case", r.name()));
      }
    }
    for (VectorResult r : report.tables) {
      if (!r.passed()) {
        console.out().println(console.red("FAILED ") + r.name() + ": " + r.detail());
      }
    }
    if (!report.tables.isEmpty()) {
      console.out().println(report.kind + " tables: " + counts("entries", report.tables));
    }
    String line = counts("cases", report.cases);
    console.out().println(report.clean() ? console.green(line) : console.red(line));
  }

  private static String counts(String what, List<VectorResult> results) {
    long failed = Report.failed(results);
    return "%s=%d passed=%d failed=%d"
        .formatted(what, results.size(), results.size() - failed, failed);
  }

  private static Map<String, Object> document(List<Report> reports) {
    List<Map<String, Object>> files = new ArrayList<>();
    for (Report r : reports) {
      Map<String, Object> f = new LinkedHashMap<>();
      f.put("file", r.file.toString());
      f.put("kind", r.kind);
      f.put("cases", r.cases.size());
      f.put("passed", r.cases.size() - Report.failed(r.cases));
      f.put("failed", Report.failed(r.cases));
      f.put("tables", r.tables.size());
      f.put("tablesFailed", Report.failed(r.tables));
      List<Map<String, Object>> failures = new ArrayList<>();
      for (List<VectorResult> list : List.of(r.cases, r.tables)) {
        for (VectorResult result : list) {
          if (!result.passed()) {
            failures.add(Map.of("name", result.name(), "detail", result.detail()));
          }
        }
      }
      f.put("failures", failures);
      files.add(f);
    }
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("format", Explanation.FORMAT);
    out.put("version", 1);
    out.put("vectors", files);
    return out;
  }
}
