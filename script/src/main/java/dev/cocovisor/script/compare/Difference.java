package dev.cocovisor.script.compare;

import dev.cocovisor.api.vmm.VmmRule;
import dev.cocovisor.api.vmm.VmmTopic;
import dev.cocovisor.vmm.Technologies;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Rows that differ about the same topic, with the rules that make them differ.
 *
 * @param topic what the rows are about
 * @param rows the rows, in the order of the table
 * @param rules what each technology that takes part states, by id; one that states nothing is left
 *     out
 */
public record Difference(VmmTopic topic, List<Comparison.Row> rows, Map<String, VmmRule> rules) {
  /** Collects the differences of a comparison in the order in which they first show. */
  public static List<Difference> of(Comparison comparison, Technologies technologies) {
    var rows = new LinkedHashMap<VmmTopic, List<Comparison.Row>>();
    for (Comparison.Row r : comparison.rows()) {
      if (r.differs()) {
        rows.computeIfAbsent(about(r), _ -> new ArrayList<>()).add(r);
      }
    }
    var out = new ArrayList<Difference>();
    rows.forEach((topic, all) ->
        out.add(new Difference(topic, all, rules(topic, comparison, all, technologies))));
    return out;
  }

  /** The topic that most technologies' lines are about; they part only where an earlier one did. */
  private static VmmTopic about(Comparison.Row r) {
    var votes = new LinkedHashMap<VmmTopic, Integer>();
    r.topics().values().forEach(t -> votes.merge(t, 1, Integer::sum));
    VmmTopic best = r.topics().values().iterator().next();
    int most = 0;
    for (Map.Entry<VmmTopic, Integer> e : votes.entrySet()) {
      if (e.getValue() > most) {
        best = e.getKey();
        most = e.getValue();
      }
    }
    return best;
  }

  private static Map<String, VmmRule> rules(
      VmmTopic topic, Comparison comparison, List<Comparison.Row> rows, Technologies technologies) {
    var rules = new LinkedHashMap<String, VmmRule>();
    for (Comparison.Column column : comparison.columns()) {
      String id = column.variant().technology();
      VmmRule rule = id == null ? null : technologies.require(id).driver().rule(topic);
      if (rule != null && rows.stream().anyMatch(r -> r.cells().containsKey(column.label()))) {
        rules.put(id, rule);
      }
    }
    return rules;
  }
}
