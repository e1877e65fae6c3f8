package dev.cocovisor.cli.run;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.Table;
import dev.cocovisor.script.compare.Comparison;
import dev.cocovisor.script.compare.Difference;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Prints a comparison: the table, then the differences in words. */
public final class ComparisonReport {
  private static final int WIDTH = 100;

  private final Console console;

  public ComparisonReport(Console console) {
    this.console = console;
  }

  public void print(Comparison comparison, List<Difference> differences) {
    table(comparison);
    if (differences.isEmpty()) {
      console.out().println();
      console.out().println("no differences");
    }
    differences.forEach(d -> print(d, comparison));
  }

  void table(Comparison comparison) {
    var head = new ArrayList<String>();
    head.add("step");
    comparison.columns().forEach(c -> head.add(c.label()));
    var table = new Table(head.toArray(String[]::new));
    for (Comparison.Row r : comparison.rows()) {
      var row = new ArrayList<String>();
      row.add(r.name());
      comparison.columns().forEach(c -> row.add(r.cell(c.label())));
      table.row(row.toArray(String[]::new));
    }
    table.print(console);
  }

  /** Prints what differs and how, under a question. */
  void rows(String question, List<Comparison.Row> rows) {
    console.out().println();
    console.out().println(console.bold("difference: " + question));
    for (Comparison.Row row : rows) {
      console
          .out()
          .println("  " + (row.line() > 0 ? "line " + row.line() + ": " : "") + row.name());
      row.groups()
          .forEach(
              (text, who) -> console.out().println("    " + String.join(", ", who) + ": " + text));
    }
  }

  private void print(Difference d, Comparison comparison) {
    rows(d.topic().question(), d.rows());
    d.rules()
        .forEach((backend, rule) -> {
          wrapped("  " + backend + " - " + rule.says());
          wrapped("    source: " + rule.source());
        });
    comparison.columns().stream()
        .filter(c -> d.rows().stream().anyMatch(r -> r.cells().containsKey(c.label())))
        .map(c -> String.valueOf(c.variant().technology()))
        .distinct()
        .filter(b -> !d.rules().containsKey(b))
        .forEach(b -> console.out().println("  " + b + " states no rule for this"));
  }

  /** Prints text in lines of at most {@link #WIDTH}, the later ones further to the right. */
  void wrapped(String text) {
    int indent = text.length() - text.stripLeading().length();
    var line = new StringBuilder(" ".repeat(indent));
    for (String word : text.strip().split(" ", -1)) {
      if (line.length() + word.length() + 1 > WIDTH && !line.toString().isBlank()) {
        console.out().println(line.toString().stripTrailing());
        line = new StringBuilder(" ".repeat(indent + 2));
      }
      line.append(word).append(' ');
    }
    console.out().println(line.toString().stripTrailing());
  }

  /** Returns the differences as documents have them. */
  static List<Map<String, Object>> words(List<Difference> differences) {
    var words = new ArrayList<Map<String, Object>>();
    for (Difference d : differences) {
      var entry = new LinkedHashMap<String, Object>();
      entry.put("topic", d.topic().name());
      entry.put("question", d.topic().question());
      entry.put("rows", sides(d.rows()));
      var rules = new LinkedHashMap<String, Object>();
      d.rules()
          .forEach((b, rule) -> rules.put(b, Map.of("says", rule.says(), "source", rule.source())));
      entry.put("rules", rules);
      words.add(entry);
    }
    return words;
  }

  /** Returns rows that differ, each with who reads what. */
  static List<Map<String, Object>> sides(List<Comparison.Row> rows) {
    var sides = new ArrayList<Map<String, Object>>();
    for (Comparison.Row r : rows) {
      sides.add(Map.of("line", r.line(), "name", r.name(), "groups", r.groups()));
    }
    return sides;
  }

  static List<Map<String, Object>> rows(Comparison comparison) {
    var rows = new ArrayList<Map<String, Object>>();
    for (Comparison.Row r : comparison.rows()) {
      var entry = new LinkedHashMap<String, Object>();
      if (r.line() > 0) {
        entry.put("line", r.line());
        entry.put("call", r.name());
      } else {
        entry.put("what", r.name());
      }
      entry.put("results", r.cells());
      entry.put("differs", r.differs());
      rows.add(entry);
    }
    return rows;
  }

  public static Map<String, Object> document(
      String file, Comparison comparison, List<Difference> differences) {
    var totals = new LinkedHashMap<String, Object>();
    for (Comparison.Column c : comparison.columns()) {
      var t = new LinkedHashMap<String, Object>();
      t.put("hooks", c.count(TraceEvent.Kind.HOOK));
      t.put("firmware", c.count(TraceEvent.Kind.FIRMWARE));
      t.put("tables", Map.of("core", c.tables().core(), "trusted", c.tables().trusted()));
      t.put("counters", c.counters());
      t.put("unmet", c.unmet());
      totals.put(c.label(), t);
    }
    var doc = new LinkedHashMap<String, Object>();
    doc.put("format", "cocovisor.compare");
    doc.put("version", 2);
    doc.put("scenario", file);
    doc.put("rows", rows(comparison));
    doc.put("totals", totals);
    doc.put("differences", words(differences));
    return doc;
  }
}
