package dev.cocovisor.cli.run;

import dev.cocovisor.api.kernel.KernelProfile;
import dev.cocovisor.api.kernel.KernelRule;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.script.compare.Comparison;
import dev.cocovisor.script.compare.KernelDifference;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** Prints a comparison of kernels: the table, then each difference with the rule that makes it. */
final class KernelReport {
  private final Console console;
  private final ComparisonReport report;

  KernelReport(Console console) {
    this.console = console;
    this.report = new ComparisonReport(console);
  }

  void print(Comparison comparison, List<KernelDifference> differences) {
    report.table(comparison);
    if (differences.isEmpty()) {
      console.out().println();
      console.out().println("no differences");
    }
    differences.forEach(this::print);
  }

  private void print(KernelDifference d) {
    report.rows(question(d), d.rows());
    d.rules().forEach(r -> answers(d, r));
  }

  private static String question(KernelDifference d) {
    return d.rules().isEmpty()
        ? "no rule of the table moves this"
        : d.rules().stream()
            .map(r -> r.question() + " (" + r.id() + ")")
            .collect(Collectors.joining(" "));
  }

  /** Returns the differences as a page shows them. */
  static List<Map<String, Object>> words(List<KernelDifference> differences) {
    var words = new ArrayList<Map<String, Object>>();
    for (KernelDifference d : differences) {
      var rules = new LinkedHashMap<String, Object>();
      for (KernelRule<?> rule : d.rules()) {
        grouped(d, rule)
            .forEach((answer, who) ->
                rules.put(
                    String.join(", ", who) + ", " + rule.id(),
                    Map.of(
                        "says",
                        answer.says() + ", since " + answer.sinceText(),
                        "source",
                        answer.source() + "; " + grade(answer) + ": " + answer.witness())));
      }
      var entry = new LinkedHashMap<String, Object>();
      entry.put("question", question(d));
      entry.put("rows", ComparisonReport.sides(d.rows()));
      entry.put("rules", rules);
      words.add(entry);
    }
    return words;
  }

  private void answers(KernelDifference d, KernelRule<?> rule) {
    grouped(d, rule)
        .forEach((answer, who) -> {
          report.wrapped("  " + String.join(", ", who) + " - " + answer.says());
          report.wrapped(
              "    since "
                  + answer.sinceText()
                  + "; source: "
                  + answer.source()
                  + "; "
                  + grade(answer)
                  + ": "
                  + answer.witness());
        });
  }

  private static String grade(KernelRule.Answer<?> answer) {
    return answer.grade().name().toLowerCase(Locale.ROOT);
  }

  private static Map<KernelRule.Answer<?>, List<String>> grouped(
      KernelDifference d, KernelRule<?> rule) {
    var groups = new LinkedHashMap<KernelRule.Answer<?>, List<String>>();
    d.kernels()
        .forEach(
            k -> groups.computeIfAbsent(k.answer(rule), _ -> new ArrayList<>()).add(k.toString()));
    return groups;
  }

  static Map<String, Object> document(
      String file, Comparison comparison, List<KernelDifference> differences) {
    var words = new ArrayList<Map<String, Object>>();
    for (KernelDifference d : differences) {
      var entry = new LinkedHashMap<String, Object>();
      entry.put("rows", d.rows().stream().map(Comparison.Row::name).toList());
      entry.put("rules", d.rules().stream().map(r -> rule(d, r)).toList());
      words.add(entry);
    }
    var doc = new LinkedHashMap<String, Object>();
    doc.put("format", "cocovisor.compare-kernels");
    doc.put("version", 1);
    doc.put("scenario", file);
    doc.put("kernels", comparison.columns().stream().map(Comparison.Column::label).toList());
    doc.put("rows", ComparisonReport.rows(comparison));
    doc.put("differences", words);
    return doc;
  }

  private static Map<String, Object> rule(KernelDifference d, KernelRule<?> rule) {
    var answers = new LinkedHashMap<String, Object>();
    for (KernelProfile k : d.kernels()) {
      KernelRule.Answer<?> a = k.answer(rule);
      answers.put(
          k.toString(),
          Map.of(
              "says", a.says(),
              "since", a.sinceText(),
              "source", a.source(),
              "witness", a.witness(),
              "grade", grade(a)));
    }
    return Map.of("rule", rule.id(), "question", rule.question(), "kernels", answers);
  }
}
