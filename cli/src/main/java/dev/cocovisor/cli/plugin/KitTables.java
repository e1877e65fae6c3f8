package dev.cocovisor.cli.plugin;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.Table;
import dev.cocovisor.tck.report.RuleResult;
import dev.cocovisor.tck.report.RuleResult.Outcome;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Stream;

/** What several subjects showed, beside each other: by group of rules, and rule by rule. */
final class KitTables {
  private final Map<JudgedBackend, List<RuleResult>> all;

  KitTables(Map<JudgedBackend, List<RuleResult>> all) {
    this.all = all;
  }

  /**
   * Prints a row for each subject and a column for each group of rules: how many were shown, and
   * behind it those refused (r), unjudged (u) and failed (F).
   */
  void matrix(Console console) {
    SortedSet<String> groups = new TreeSet<>();
    all.values().forEach(rs -> rs.forEach(r -> groups.add(group(r))));
    Table table =
        new Table(
            Stream.concat(Stream.of("SETTING"), Stream.concat(groups.stream(), Stream.of("s")))
                .toArray(String[]::new));
    all.forEach((subject, results) -> {
      List<String> row = new ArrayList<>();
      row.add(subject.toString());
      for (String g : groups) {
        row.add(cell(results.stream().filter(r -> group(r).equals(g)).toList()));
      }
      double seconds = results.stream().mapToLong(RuleResult::nanos).sum() / 1e9;
      row.add("%.1f".formatted(seconds));
      table.row(row.toArray(String[]::new));
    });
    table.print(console);
    long cells = all.values().stream().mapToLong(List::size).sum();
    console.out().println("settings=" + all.size() + " cells=" + cells);
  }

  private static String group(RuleResult r) {
    return r.id().substring(0, 1);
  }

  private static String cell(List<RuleResult> results) {
    Map<Outcome, Integer> counts = new EnumMap<>(Outcome.class);
    results.forEach(r -> counts.merge(r.outcome(), 1, Integer::sum));
    StringBuilder cell = new StringBuilder();
    counts.forEach((outcome, n) -> {
      String mark =
          switch (outcome) {
            case SHOWN -> "";
            case REFUSED -> "r";
            case UNJUDGED -> "u";
            case FAILED -> "F";
          };
      cell.append(cell.isEmpty() ? "" : "+").append(n).append(mark);
    });
    return cell.toString();
  }

  /** Prints the rules that did not end alike, a column for each subject. */
  void differences(Console console) {
    Map<String, List<String>> words = new LinkedHashMap<>();
    Map<String, String> names = new LinkedHashMap<>();
    for (List<RuleResult> results : all.values()) {
      for (RuleResult r : results) {
        words.computeIfAbsent(r.id(), _ -> new ArrayList<>()).add(r.outcome().word());
        names.put(r.id(), r.name());
      }
    }
    Table table =
        new Table(
            Stream.concat(
                    Stream.of("RULE", "NAME"), all.keySet().stream().map(JudgedBackend::toString))
                .toArray(String[]::new));
    int differing = 0;
    for (Map.Entry<String, List<String>> e : words.entrySet()) {
      if (e.getValue().stream().distinct().count() > 1) {
        table.row(
            Stream.concat(
                    Stream.of(e.getKey(), names.getOrDefault(e.getKey(), "")),
                    e.getValue().stream())
                .toArray(String[]::new));
        differing++;
      }
    }
    if (differing > 0) {
      table.print(console);
    }
    console.out().println("subjects=" + all.size() + " differing=" + differing);
  }
}
