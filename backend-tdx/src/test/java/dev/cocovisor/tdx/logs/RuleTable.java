package dev.cocovisor.tdx.logs;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * A command's checks in the order in which the kernel makes them, and the programs that show them:
 * none broken, each alone, each pair, of which the first answers.
 *
 * @param source file and functions
 * @param good makes the program in which nothing is broken
 * @param success what it answers
 * @param call writes the call of a program
 * @param rules the checks in order
 */
record RuleTable(
    String source,
    Supplier<Program> good,
    Function<Program, String> success,
    Function<Program, String> call,
    List<Rule> rules) {
  /** A program with its answer. */
  record Case(String about, List<String> lines) {}

  List<Case> cases() {
    List<Case> out = new ArrayList<>();
    out.add(of("nothing is wrong", List.of()));
    for (int i = 0; i < rules.size(); i++) {
      out.add(of(rules.get(i).what(), List.of(rules.get(i))));
    }
    for (int i = 0; i < rules.size(); i++) {
      for (int j = i + 1; j < rules.size(); j++) {
        Rule first = rules.get(i);
        Rule second = rules.get(j);
        if (!first.touches(second)) {
          out.add(of(first.what() + "; and " + second.what(), List.of(first, second)));
        }
      }
    }
    return out;
  }

  private Case of(String about, List<Rule> broken) {
    Program p = good.get();
    broken.forEach(r -> r.breaks().accept(p));
    String answer = broken.isEmpty() ? success.apply(p) : broken.getFirst().answer();
    List<String> lines = new ArrayList<>(p.setUp());
    lines.add(call.apply(p) + " = " + answer);
    return new Case(about, lines);
  }
}
