package dev.cocovisor.script.generate;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * The checks of one call in the order in which the kernel makes them, and the programs that show
 * them: nothing wrong, each check alone, and each pair that can be wrong at once, of which the
 * first has to answer.
 *
 * @param source file and functions the order comes from
 * @param good values with which the call succeeds, by name
 * @param success what it answers then
 * @param program writes a program from values; its last line is the call, without an answer
 * @param checks the checks in order
 */
public record CheckTable(
    String source,
    Map<String, String> good,
    String success,
    Function<Map<String, String>, List<String>> program,
    List<Check> checks) {
  /**
   * One check.
   *
   * @param what what is wrong
   * @param answer what the call answers
   * @param values the values that make it wrong
   */
  public record Check(String what, String answer, Map<String, String> values) {
    /** Copies the values. */
    public Check {
      values = Map.copyOf(values);
    }

    private boolean goesWith(Check other) {
      return Collections.disjoint(values.keySet(), other.values.keySet());
    }
  }

  /** Copies values and checks. */
  public CheckTable {
    good = Collections.unmodifiableMap(new LinkedHashMap<>(good));
    checks = List.copyOf(checks);
  }

  /** Returns the programs, each with a line that says what is wrong in it. */
  public List<List<String>> programs() {
    List<List<String>> all = new ArrayList<>();
    all.add(program("nothing is wrong", List.of()));
    for (Check c : checks) {
      all.add(program(c.what(), List.of(c)));
    }
    for (int i = 0; i < checks.size(); i++) {
      for (Check second : checks.subList(i + 1, checks.size())) {
        Check first = checks.get(i);
        if (first.goesWith(second)) {
          all.add(program(first.what() + "; and " + second.what(), List.of(first, second)));
        }
      }
    }
    return all;
  }

  private List<String> program(String what, List<Check> wrong) {
    Map<String, String> values = new LinkedHashMap<>(good);
    wrong.forEach(c -> values.putAll(c.values()));
    List<String> lines = new ArrayList<>();
    lines.add("# " + what);
    lines.addAll(program.apply(values));
    String answer = wrong.isEmpty() ? success : wrong.getFirst().answer();
    lines.set(lines.size() - 1, lines.getLast() + " = " + answer);
    return lines;
  }

  /**
   * Returns the table with two checks exchanged that follow each other, can both be wrong and
   * answer differently: another order, which a replay has to notice.
   *
   * @throws IllegalStateException if no two of them do
   */
  public CheckTable withAnotherOrder() {
    for (int i = 0; i + 1 < checks.size(); i++) {
      Check a = checks.get(i);
      Check b = checks.get(i + 1);
      if (a.goesWith(b) && !a.answer().equals(b.answer())) {
        List<Check> other = new ArrayList<>(checks);
        Collections.swap(other, i, i + 1);
        return new CheckTable(source, good, success, program, other);
      }
    }
    throw new IllegalStateException("no two neighbours answer differently: " + source);
  }

  /** Writes a call log with the programs of several tables, each under its source. */
  public static String log(String title, List<CheckTable> tables) {
    StringBuilder out = new StringBuilder("# ").append(title).append('\n');
    int n = 0;
    for (CheckTable t : tables) {
      out.append("# Source").append(": ").append(t.source()).append('\n');
      for (List<String> lines : t.programs()) {
        out.append("# program ").append(n++).append('\n');
        lines.forEach(line -> out.append(line).append('\n'));
      }
    }
    return out.append("# ").append(n).append(" programs\n").toString();
  }
}
