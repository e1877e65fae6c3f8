package dev.cocovisor.cli;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.core.log.LogWriter;
import dev.cocovisor.core.log.Scenario;
import dev.cocovisor.core.log.ScenarioStep;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Runs one scenario on several technologies and shows them side by side. */
@Command(
    name = "compare",
    mixinStandardHelpOptions = true,
    description = "Runs one scenario on several technologies and shows them side by side.")
final class CompareCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(paramLabel = "SCENARIO", description = "A scenario of steps every technology has.")
  private Path file = Path.of("");

  @Option(
      names = "--backends",
      split = ",",
      paramLabel = "ID",
      description = "The technologies; without it, those the scenario names, else all.")
  private List<String> chosen = List.of();

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  CompareCommand(Console console) {
    this.console = console;
  }

  /** One technology's run. */
  private record Column(String backend, TreeMap<Integer, ScenarioStep> byLine) {
    long count(TraceEvent.Kind kind) {
      return byLine.values().stream()
          .flatMap(s -> s.events().stream())
          .filter(e -> e.kind() == kind)
          .count();
    }

    String counters() {
      String last = "";
      for (ScenarioStep s : byLine.values()) {
        last = s.counters().isEmpty() ? last : s.counters().getLast();
      }
      return last.replaceAll(".*= ", "");
    }

    long unmet() {
      return byLine.values().stream().filter(s -> s.unmet() != null).count();
    }
  }

  @Override
  public Integer call() throws IOException {
    Scenario scenario = Scenarios.read(file);
    var world = new Scenarios();
    List<String> ids =
        !chosen.isEmpty()
            ? chosen
            : scenario.backends().isEmpty() ? world.ids() : scenario.backends();
    if (!scenario.isNeutral()) {
      throw new UsageException(
          file + ": no line is a step that every technology has (vm_launch, …); use run");
    }
    var columns = new ArrayList<Column>();
    for (String id : ids) {
      var column = new Column(world.known(id), new TreeMap<>());
      scenario.run(
          id, world.backends(), world.drivers(), s -> column.byLine.put(s.call().line(), s));
      columns.add(column);
    }
    if (json) {
      console.json(document(columns));
    } else {
      print(columns);
    }
    boolean clean = columns.stream().allMatch(c -> c.unmet() == 0);
    return clean ? ExitCode.CLEAN : ExitCode.FOUND;
  }

  private static List<Integer> lines(List<Column> columns) {
    var lines = new LinkedHashSet<Integer>();
    columns.forEach(c -> lines.addAll(c.byLine.keySet()));
    return lines.stream().sorted().toList();
  }

  private void print(List<Column> columns) {
    var rows = new ArrayList<List<String>>();
    var head = new ArrayList<String>();
    head.add("step");
    columns.forEach(c -> head.add(c.backend()));
    rows.add(head);
    for (int line : lines(columns)) {
      String call = callAt(columns, line);
      if (call.startsWith("backends(") || call.startsWith("on(")) {
        continue;
      }
      var row = new ArrayList<String>();
      row.add(call);
      columns.forEach(c -> row.add(result(c, line)));
      rows.add(row);
    }
    rows.add(row("hooks", columns, c -> Long.toString(c.count(TraceEvent.Kind.HOOK))));
    rows.add(row("firmware calls", columns, c -> Long.toString(c.count(TraceEvent.Kind.FIRMWARE))));
    rows.add(row("page counters", columns, Column::counters));
    table(rows);
    differences(columns);
    for (Column c : columns) {
      for (ScenarioStep s : c.byLine.values()) {
        String unmet = s.unmet();
        if (unmet != null) {
          console
              .out()
              .println(
                  console.red(
                      file + ":" + s.call().line() + ": not as expected on " + c.backend()));
          console.out().println("  expected   " + unmet);
          console.out().println("  got        " + s.got());
          console
              .out()
              .println(
                  "  reproduce  "
                      + Quoting.command("run", file.toString(), "--backend", c.backend()));
        }
      }
    }
  }

  private static List<String> row(
      String name, List<Column> columns, java.util.function.Function<Column, String> cell) {
    var row = new ArrayList<String>();
    row.add(name);
    columns.forEach(c -> row.add(cell.apply(c)));
    return row;
  }

  private static String callAt(List<Column> columns, int line) {
    for (Column c : columns) {
      ScenarioStep s = c.byLine.get(line);
      if (s != null) {
        return LogWriter.callOnly(s.call());
      }
    }
    return "";
  }

  private static String result(Column c, int line) {
    ScenarioStep s = c.byLine.get(line);
    return s == null ? "-" : s.got();
  }

  private void table(List<List<String>> rows) {
    int[] widths = new int[rows.getFirst().size()];
    for (List<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    for (int r = 0; r < rows.size(); r++) {
      var out = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        String cell = rows.get(r).get(i);
        out.append(cell).repeat(' ', widths[i] - cell.length() + 2);
      }
      String text = out.toString().stripTrailing();
      console.out().println(r == 0 ? console.bold(text) : text);
    }
  }

  /** Prints, for each step whose results differ, who answers what and what it did underneath. */
  private void differences(List<Column> columns) {
    boolean first = true;
    for (int line : lines(columns)) {
      var groups = new LinkedHashMap<String, List<String>>();
      for (Column c : columns) {
        if (c.byLine.containsKey(line)) {
          groups.computeIfAbsent(result(c, line), _ -> new ArrayList<>()).add(c.backend());
        }
      }
      if (groups.size() < 2) {
        continue;
      }
      if (first) {
        console.out().println();
        console.out().println(console.bold("differences"));
        first = false;
      }
      console.out().println("line " + line + ": " + callAt(columns, line));
      for (Map.Entry<String, List<String>> g : groups.entrySet()) {
        console.out().println("  " + String.join(", ", g.getValue()) + ": " + g.getKey());
        for (Column c : columns) {
          if (g.getValue().contains(c.backend())) {
            cause(c, line);
          }
        }
      }
    }
  }

  /** Prints the events that a step ended with: the rule that decided is the last one asked. */
  private void cause(Column c, int line) {
    ScenarioStep s = c.byLine.get(line);
    if (s == null || s.events().isEmpty()) {
      return;
    }
    TraceEvent last = s.events().getLast();
    console
        .out()
        .println(console.dim("    " + c.backend() + " ended with " + RunCommand.line(last)));
  }

  private Map<String, Object> document(List<Column> columns) {
    var steps = new ArrayList<Map<String, Object>>();
    for (int line : lines(columns)) {
      var entry = new LinkedHashMap<String, Object>();
      entry.put("line", line);
      entry.put("call", callAt(columns, line));
      var results = new LinkedHashMap<String, Object>();
      columns.forEach(c -> results.put(c.backend(), result(c, line)));
      entry.put("results", results);
      steps.add(entry);
    }
    var totals = new LinkedHashMap<String, Object>();
    for (Column c : columns) {
      var t = new LinkedHashMap<String, Object>();
      t.put("hooks", c.count(TraceEvent.Kind.HOOK));
      t.put("firmware", c.count(TraceEvent.Kind.FIRMWARE));
      t.put("counters", c.counters());
      t.put("unmet", c.unmet());
      totals.put(c.backend(), t);
    }
    var doc = new LinkedHashMap<String, Object>();
    doc.put("format", "cocovisor.compare");
    doc.put("version", 1);
    doc.put("scenario", file.toString());
    doc.put("steps", steps);
    doc.put("totals", totals);
    return doc;
  }
}
