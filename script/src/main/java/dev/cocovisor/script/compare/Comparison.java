package dev.cocovisor.script.compare;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.vmm.VmmTopic;
import dev.cocovisor.core.host.PageStats;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioRun;
import dev.cocovisor.script.scenario.ScenarioStep;
import dev.cocovisor.script.scenario.ScenarioStory;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.scenario.StepFailure;
import dev.cocovisor.script.scenario.VmCounters;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.vmm.Technologies;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * One scenario run on several technologies, and where they part.
 *
 * <p>A difference is a row of the comparison that does not read the same for all: a step's result,
 * what is left of a page, what the host can read, what it cost. Each is about a {@link VmmTopic},
 * found from the line and what came before it, and each technology states its own rule for that
 * topic. Nothing here knows a technology or an example.
 */
public final class Comparison {
  private static final Set<VmmTopic> CONVERSIONS =
      EnumSet.of(VmmTopic.TO_SHARED, VmmTopic.TO_PRIVATE, VmmTopic.HOST_CONVERTS);

  private final List<Column> columns;
  private final List<Row> rows = new ArrayList<>();

  /** One run. */
  public static final class Column {
    private final Variant variant;
    private final TreeMap<Integer, ScenarioStep> byLine = new TreeMap<>();
    private final TreeMap<Integer, VmmTopic> topics = new TreeMap<>();
    private final Map<String, Aftermath.Found> found = new LinkedHashMap<>();

    private @Nullable StepFailure failure;

    Column(Variant variant) {
      this.variant = variant;
    }

    private void run(
        Scenario scenario, Technologies technologies, Map<String, String> settings, Watcher each) {
      var story = new ScenarioStory();
      try (var run = new ScenarioRun(scenario, technologies, variant.technology(), settings)) {
        run.run(s -> {
          each.step(variant.label(), s, run);
          int line = s.call().line();
          byLine.put(line, s);
          if (!(s.step() instanceof Step.Steering)
              && !(s.step() instanceof Step.Call(KvmCall.HostSetup _))) {
            VmmTopic topic = story.topicOf(s.step());
            boolean inPlace = CONVERSIONS.contains(topic) && run.convertsInPlace();
            topics.put(line, inPlace ? VmmTopic.IN_PLACE : topic);
            story.done(s);
          }
        });
      }
      found.putAll(
          Aftermath.of(scenario, variant.technology(), technologies, settings, byLine.values()));
    }

    /** Returns what stands above it. */
    public String label() {
      return variant.label();
    }

    /** Returns what it ran on. */
    public Variant variant() {
      return variant;
    }

    /** Returns the steps in the order of their lines. */
    public Collection<ScenarioStep> stepsDone() {
      return byLine.values();
    }

    /** Returns what threw where nothing may throw, and ended the run; null where nothing did. */
    public @Nullable StepFailure failure() {
      return failure;
    }

    /** Counts the events of a kind. */
    public long count(TraceEvent.Kind kind) {
      return byLine.values().stream()
          .flatMap(s -> s.events().stream())
          .filter(e -> e.kind() == kind)
          .count();
    }

    /** The most pages that tables took at any time: at the end a VM may be gone. */
    public ScenarioStep.Tables tables() {
      ScenarioStep.Tables most = ScenarioStep.Tables.NONE;
      for (ScenarioStep s : byLine.values()) {
        ScenarioStep.Tables t = s.tables();
        most = t.core() + t.trusted() > most.core() + most.trusted() ? t : most;
      }
      return most;
    }

    /** The counters of each VM as they were printed last. */
    public String counters() {
      var last = new TreeMap<String, VmCounters>();
      byLine.values().forEach(s -> s.counters().forEach(c -> last.put(c.vm(), c)));
      return last.values().stream().map(Column::shortened).collect(Collectors.joining(" "));
    }

    private static String shortened(VmCounters c) {
      PageStats s = c.stats();
      return "4k="
          + s.pages4k()
          + " 2m="
          + s.pages2m()
          + (s.pages1g() == 0 ? "" : " 1g=" + s.pages1g());
    }

    /** Counts the lines whose answers are not what was expected. */
    public long unmet() {
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
  public record Row(
      int line, String name, Map<String, VmmTopic> topics, Map<String, String> cells) {
    /** Tells whether it does not read the same for all. */
    public boolean differs() {
      return new TreeSet<>(cells.values()).size() > 1;
    }

    /** Returns what a technology has in this row. */
    public String cell(String backend) {
      return cells.getOrDefault(backend, "-");
    }

    /** The technologies that read the same, by what they read, in column order. */
    public Map<String, List<String>> groups() {
      var groups = new LinkedHashMap<String, List<String>>();
      cells.forEach((b, text) -> groups.computeIfAbsent(text, _ -> new ArrayList<>()).add(b));
      return groups;
    }
  }

  /** Looks at the runs of a comparison as they are made. */
  @FunctionalInterface
  public interface Watcher {
    /** A technology's run made a step; the run can be asked what the tables say now. */
    void step(String backend, ScenarioStep step, ScenarioRun run);
  }

  private Comparison(List<Column> columns) {
    this.columns = columns;
  }

  /**
   * Runs a scenario once for each column. One that fails where nobody should (its plugin throws,
   * say) costs its own column only, see {@link Column#failure}.
   *
   * @param variants what the columns run on
   * @param settings settings of every host that win over the scenario's
   * @param each told of each step that was carried out, and of the column
   */
  public static Comparison of(
      Scenario scenario,
      List<Variant> variants,
      Technologies technologies,
      Map<String, String> settings,
      Watcher each) {
    var columns = new ArrayList<Column>();
    for (Variant v : variants) {
      columns.add(ran(new Column(v), scenario, technologies, v.over(settings), each));
    }
    return new Comparison(columns).told();
  }

  private static Column ran(
      Column column,
      Scenario scenario,
      Technologies technologies,
      Map<String, String> settings,
      Watcher each) {
    try {
      column.run(scenario, technologies, settings, each);
    } catch (StepFailure e) {
      column.failure = e;
    }
    return column;
  }

  private Comparison told() {
    steps();
    aftermath();
    costs();
    return this;
  }

  /** Returns the technologies' runs, in the order they were asked for. */
  public List<Column> columns() {
    return columns;
  }

  /** Returns the rows: steps by line, then what was found besides. */
  public List<Row> rows() {
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
          topics.put(c.label(), topic);
          cells.put(c.label(), s.got());
        } else if (c.failure != null && c.failure.line() == line) {
          cells.put(c.label(), "failed");
        }
      }
      rows.add(new Row(line, name, topics, cells));
    }
  }

  private void aftermath() {
    var names = new LinkedHashSet<String>();
    columns.forEach(c -> names.addAll(c.found.keySet()));
    for (String name : names) {
      var topics = new LinkedHashMap<String, VmmTopic>();
      var cells = new LinkedHashMap<String, String>();
      for (Column c : columns) {
        Aftermath.Found f = c.found.get(name);
        if (f != null) {
          topics.put(c.label(), f.topic());
          cells.put(c.label(), f.text());
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

  private void cost(String name, VmmTopic topic, Function<Column, String> cell) {
    var topics = new LinkedHashMap<String, VmmTopic>();
    var cells = new LinkedHashMap<String, String>();
    for (Column c : columns) {
      topics.put(c.label(), topic);
      cells.put(c.label(), cell.apply(c));
    }
    rows.add(new Row(0, name, topics, cells));
  }
}
