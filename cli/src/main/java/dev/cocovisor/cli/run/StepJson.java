package dev.cocovisor.cli.run;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.script.scenario.ProcessWatch;
import dev.cocovisor.script.scenario.ScenarioStep;
import dev.cocovisor.script.scenario.VmCounters;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.LogWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;

/** What the document of a run tells of a step; the same for every command that has steps. */
final class StepJson {
  private StepJson() {}

  /** Returns a step without its state. */
  static Map<String, Object> of(ScenarioStep s, Predicate<TraceEvent.Kind> shown) {
    var entry = new LinkedHashMap<String, Object>();
    entry.put("line", s.call().line());
    entry.put("call", LogWriter.callOnly(s.call()));
    entry.put("result", s.got());
    String expected = s.unmet();
    if (expected != null) {
      entry.put("expected", expected);
    }
    entry.put("lane", s.step().lane());
    entry.put("events", events(s.happened(), shown));
    entry.put("ownership", s.ownership());
    entry.put("counters", s.counters().stream().map(VmCounters::toString).toList());
    entry.put("tables", Map.of("core", s.tables().core(), "trusted", s.tables().trusted()));
    return entry;
  }

  /** Returns a call that no scenario has, without its state. */
  static Map<String, Object> of(ProcessWatch.Made m, int number) {
    var entry = new LinkedHashMap<String, Object>();
    LogResult answer = m.call().result();
    entry.put("line", number);
    entry.put("call", LogWriter.callOnly(m.call()));
    entry.put("result", answer == null ? "" : LogWriter.result(answer));
    entry.put("events", events(m.happened(), _ -> true));
    entry.put("ownership", m.ownership());
    return entry;
  }

  private static List<Map<String, Object>> events(
      List<ScenarioStep.Happened> happened, Predicate<TraceEvent.Kind> shown) {
    var out = new ArrayList<Map<String, Object>>();
    for (ScenarioStep.Happened h : happened) {
      TraceEvent e = h.event();
      if (shown.test(e.kind())) {
        var entry = new LinkedHashMap<String, Object>();
        entry.put("depth", h.depth());
        entry.put("kind", e.kind().name().toLowerCase(Locale.ROOT));
        entry.put("name", e.name());
        entry.put("arguments", e.arguments());
        entry.put("result", e.result());
        out.add(entry);
      }
    }
    return out;
  }
}
