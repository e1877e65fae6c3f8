package dev.cocovisor.cli;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.vmm.VmmRule;
import dev.cocovisor.api.vmm.VmmTopic;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioStep;
import dev.cocovisor.script.scenario.ScenarioStory;
import dev.cocovisor.script.text.LogWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * One scenario run on several technologies, and where they part.
 *
 * <p>A difference is a row of the comparison that does not read the same for all: a step's result,
 * what is left of a page, what the host can read, what it cost. Each is about a {@link VmmTopic},
 * found from the line and what came before it, and each technology states its own rule for that
 * topic. Nothing here knows a technology or an example.
 */
final class Comparison {
  private static final Set<String> STEERING = Set.of("backends", "on", "host_config");

  private final List<Column> columns;
  private final List<Row> rows = new ArrayList<>();

  /** One technology's run. */
  static final class Column {
    final String backend;
    final TreeMap<Integer, ScenarioStep> byLine = new TreeMap<>();
    final TreeMap<Integer, VmmTopic> topics = new TreeMap<>();
    final Map<String, Aftermath.Found> found = new LinkedHashMap<>();

    Column(String backend) {
      this.backend = backend;
    }

    long count(TraceEvent.Kind kind) {
      return byLine.values().stream()
          .flatMap(s -> s.events().stream())
          .filter(e -> e.kind() == kind)
          .count();
    }

    /** The most pages that tables took at any time: at the end a VM may be gone. */
    ScenarioStep.Tables tables() {
      ScenarioStep.Tables most = ScenarioStep.Tables.NONE;
      for (ScenarioStep s : byLine.values()) {
        ScenarioStep.Tables t = s.tables();
        most = t.core() + t.trusted() > most.core() + most.trusted() ? t : most;
      }
      return most;
    }

    /** The counters of each VM as they were printed last. */
    String counters() {
      var last = new TreeMap<String, String>();
      for (ScenarioStep s : byLine.values()) {
        for (String c : s.counters()) {
          int at = c.indexOf(" = ");
          last.put(c.substring(0, at), c.substring(at + 3));
        }
      }
      return last.size() == 1
          ? shortened(last.firstEntry().getValue())
          : shortened(String.join(" ", last.values()));
    }

    private static String shortened(String counters) {
      return counters.replaceAll("[{}]|pages_", "").replace(",", "").replaceAll(" 1g=0", "");
    }

    long unmet() {
      return byLine.values().stream().filter(s -> s.unmet() != null).count();
    }
  }

  /**
   * One row.
   *
   * @param line the scenario's line, or 0 for what was found out besides
   * @param name what the row tells
   * @param topics what a difference here is about, by technology
   * @param cells by technology; one that does not take part is left out
   */
  record Row(int line, String name, Map<String, VmmTopic> topics, Map<String, String> cells) {
    boolean differs() {
      return new TreeSet<>(cells.values()).size() > 1;
    }

    String cell(String backend) {
      return cells.getOrDefault(backend, "-");
    }

    /** The technologies that read the same, by what they read, in column order. */
    Map<String, List<String>> groups() {
      var groups = new LinkedHashMap<String, List<String>>();
      cells.forEach((b, text) -> groups.computeIfAbsent(text, _ -> new ArrayList<>()).add(b));
      return groups;
    }
  }

  private Comparison(List<Column> columns) {
    this.columns = columns;
  }

  /** Runs a scenario on technologies. */
  static Comparison of(Scenario scenario, List<String> ids, Scenarios world) {
    var columns = new ArrayList<Column>();
    for (String id : ids) {
      var column = new Column(id);
      var story = new ScenarioStory(scenario.name());
      scenario.run(
          id,
          world.backends(),
          world.drivers(),
          s -> {
            int line = s.call().line();
            column.byLine.put(line, s);
            if (!STEERING.contains(s.call().name())) {
              column.topics.put(line, story.topicOf(s.call()));
              story.done(s);
            }
          });
      column.found.putAll(Aftermath.of(scenario, id, world, column.byLine));
      columns.add(column);
    }
    var c = new Comparison(columns);
    c.steps();
    c.aftermath();
    c.costs();
    return c;
  }

  List<Column> columns() {
    return columns;
  }

  List<Row> rows() {
    return rows;
  }

  private void steps() {
    var lines = new TreeSet<Integer>();
    columns.forEach(c -> lines.addAll(c.topics.keySet()));
    for (int line : lines) {
      String name = "";
      var topics = new LinkedHashMap<String, VmmTopic>();
      var cells = new LinkedHashMap<String, String>();
      for (Column c : columns) {
        ScenarioStep s = c.byLine.get(line);
        VmmTopic topic = c.topics.get(line);
        if (s != null && topic != null) {
          name = LogWriter.callOnly(s.call());
          topics.put(c.backend, topic);
          cells.put(c.backend, s.got());
        }
      }
      rows.add(new Row(line, name, topics, cells));
    }
  }

  private void aftermath() {
    var names = new java.util.LinkedHashSet<String>();
    columns.forEach(c -> names.addAll(c.found.keySet()));
    for (String name : names) {
      var topics = new LinkedHashMap<String, VmmTopic>();
      var cells = new LinkedHashMap<String, String>();
      for (Column c : columns) {
        Aftermath.Found f = c.found.get(name);
        if (f != null) {
          topics.put(c.backend, f.topic());
          cells.put(c.backend, f.text());
        }
      }
      rows.add(new Row(0, name, topics, cells));
    }
  }

  private void costs() {
    cost("hooks", VmmTopic.TRUSTED_CALLS, c -> Long.toString(c.count(TraceEvent.Kind.HOOK)));
    cost(
        "firmware calls",
        VmmTopic.TRUSTED_CALLS,
        c -> Long.toString(c.count(TraceEvent.Kind.FIRMWARE)));
    cost("table pages, KVM", VmmTopic.TABLES, c -> Long.toString(c.tables().core()));
    cost("table pages, trusted", VmmTopic.TABLES, c -> Long.toString(c.tables().trusted()));
    cost("page counters", VmmTopic.TABLES, Column::counters);
  }

  private void cost(String name, VmmTopic topic, java.util.function.Function<Column, String> cell) {
    var topics = new LinkedHashMap<String, VmmTopic>();
    var cells = new LinkedHashMap<String, String>();
    for (Column c : columns) {
      topics.put(c.backend, topic);
      cells.put(c.backend, cell.apply(c));
    }
    rows.add(new Row(0, name, topics, cells));
  }

  /** Returns what a technology says about a topic, or null. */
  static @Nullable VmmRule rule(Scenarios world, String backend, VmmTopic topic) {
    return world.drivers().of(backend).rule(topic);
  }
}
