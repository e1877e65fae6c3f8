package dev.cocovisor.script.compare;

import dev.cocovisor.api.kernel.KernelProfile;
import dev.cocovisor.api.kernel.KernelRule;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.vmm.Technologies;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Rows of a comparison of kernels that differ because of one rule of the table, or because of
 * several that only make sense together.
 *
 * <p>Which rule it is is tried out: the scenario is run again on a kernel that takes this one rule
 * over from its neighbour, and on a neighbour that keeps it. Rows that then read otherwise are the
 * rule's. So a new row of the table explains its differences by itself. What no single rule moves
 * is tried with all rules that options decide, as those of a series.
 *
 * @param rules the rules; empty for rows that none of them moves
 * @param rows the rows, in the order of the table
 * @param kernels the kernels compared
 */
public record KernelDifference(
    List<KernelRule<?>> rules, List<Comparison.Row> rows, List<KernelProfile> kernels) {

  /** Collects the differences of a comparison of kernels. */
  public static List<KernelDifference> of(
      Comparison comparison,
      Scenario scenario,
      @Nullable String technology,
      Technologies technologies,
      Map<String, String> settings,
      List<KernelRule<?>> rules) {
    return new Search(comparison, scenario, technology, technologies, settings, rules).run();
  }

  /** One search for what moves the rows. */
  private record Search(
      Comparison comparison,
      Scenario scenario,
      @Nullable String technology,
      Technologies technologies,
      Map<String, String> settings,
      List<KernelRule<?>> rules) {

    List<KernelDifference> run() {
      List<KernelProfile> kernels =
          comparison.columns().stream().map(c -> KernelProfile.parse(c.label(), rules)).toList();
      var moved = new LinkedHashMap<List<KernelRule<?>>, Set<Comparison.Row>>();
      for (int i = 1; i < kernels.size(); i++) {
        between(kernels.get(i - 1), kernels.get(i), moved);
      }
      var out = new ArrayList<KernelDifference>();
      var explained = new LinkedHashSet<Comparison.Row>();
      moved.forEach((why, rows) -> {
        explained.addAll(rows);
        out.add(new KernelDifference(why, inOrder(rows), kernels));
      });
      var rest = new LinkedHashSet<Comparison.Row>();
      comparison.rows().stream()
          .filter(r -> r.differs() && !explained.contains(r))
          .forEach(rest::add);
      if (!rest.isEmpty()) {
        out.add(new KernelDifference(List.of(), inOrder(rest), kernels));
      }
      return out;
    }

    private List<Comparison.Row> inOrder(Set<Comparison.Row> rows) {
      return comparison.rows().stream().filter(rows::contains).toList();
    }

    private void between(
        KernelProfile a, KernelProfile b, Map<List<KernelRule<?>>, Set<Comparison.Row>> moved) {
      List<KernelRule<?>> differing = a.differing(b, rules);
      Set<Comparison.Row> open =
          comparison.rows().stream()
              .filter(r -> !r.cell(a.toString()).equals(r.cell(b.toString())))
              .collect(Collectors.toCollection(LinkedHashSet::new));
      var explained = new LinkedHashSet<Comparison.Row>();
      for (KernelRule<?> rule : differing) {
        tell(List.of(rule), a, b, open, explained, moved);
      }
      open.removeAll(explained);
      List<KernelRule<?>> together =
          differing.stream()
              .filter(r -> r.answers().stream().anyMatch(x -> x.option() != null))
              .toList();
      if (!open.isEmpty() && together.size() > 1) {
        tell(together, a, b, open, explained, moved);
      }
    }

    private void tell(
        List<KernelRule<?>> why,
        KernelProfile a,
        KernelProfile b,
        Set<Comparison.Row> open,
        Set<Comparison.Row> explained,
        Map<List<KernelRule<?>>, Set<Comparison.Row>> moved) {
      Set<Comparison.Row> rows = new LinkedHashSet<>();
      rows.addAll(changed(a, taking(a, b, why), open));
      rows.addAll(changed(b, taking(b, a, why), open));
      if (!rows.isEmpty()) {
        moved.computeIfAbsent(why, _ -> new LinkedHashSet<>()).addAll(rows);
        explained.addAll(rows);
      }
    }

    /** Returns the name of a kernel that takes rules over from another. */
    private static String taking(KernelProfile to, KernelProfile from, List<KernelRule<?>> why) {
      var name = new StringBuilder(to.toString());
      why.forEach(r -> name.append('+').append(r.id()).append('@').append(from.version()));
      return name.toString();
    }

    /** Returns the rows that read otherwise on the kernel that was tried; none if nothing runs. */
    private Set<Comparison.Row> changed(KernelProfile was, String tried, Set<Comparison.Row> open) {
      Set<Comparison.Row> rows = new LinkedHashSet<>();
      try {
        Comparison again =
            Comparison.of(
                scenario,
                List.of(Variant.kernel(tried, technology)),
                technologies,
                settings,
                (_, _, _) -> {});
        for (Comparison.Row row : open) {
          again.rows().stream()
              .filter(
                  r -> r.line() == row.line() && (row.line() > 0 || r.name().equals(row.name())))
              .filter(r -> !r.cell(tried).equals(row.cell(was.toString())))
              .findFirst()
              .ifPresent(_ -> rows.add(row));
        }
      } catch (LogSyntaxException e) {
        // The rule alone makes a kernel on which the scenario's VM does not come up.
        return Set.of();
      }
      return rows;
    }
  }
}
