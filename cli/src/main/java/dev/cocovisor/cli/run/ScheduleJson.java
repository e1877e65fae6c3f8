package dev.cocovisor.cli.run;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.explore.Finding;
import dev.cocovisor.explore.Moment;
import dev.cocovisor.report.model.RunModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** The document of a run that followed a schedule: a step a schedule point. */
final class ScheduleJson {
  private ScheduleJson() {}

  /** Returns the document of a finding: its last step tells what broke. */
  static Map<String, Object> run(List<Moment> moments, Finding finding, Path file, String on) {
    Map<String, Object> doc = run(moments, finding.schedule().toString(), file, on);
    doc.put("name", finding.kind());
    if (doc.get("steps") instanceof List<?> steps && steps.getLast() instanceof Map<?, ?> last) {
      @SuppressWarnings("unchecked") // The documents' maps have words for keys.
      var step = (Map<String, Object>) last;
      step.put("expected", "that this does not happen: " + finding.what());
    }
    return doc;
  }

  /** Returns the document of a schedule that was followed. */
  static Map<String, Object> run(List<Moment> moments, String schedule, Path file, String on) {
    var model = new RunModel();
    Set<String> lanes = new LinkedHashSet<>();
    for (Moment m : moments) {
      if (!m.part().isEmpty()) {
        lanes.add(m.part());
      }
      model.step(step(m), m.strips());
    }
    var head = new LinkedHashMap<String, Object>();
    head.put("scenario", file.toString());
    head.put("backend", on);
    head.put("schedule", schedule);
    head.put("lanes", List.copyOf(lanes));
    return model.document(head);
  }

  private static Map<String, Object> step(Moment m) {
    var step = new LinkedHashMap<String, Object>();
    String begins = m.begins();
    step.put("line", 0);
    step.put("call", begins == null ? "    " + m.what() : "\u00bb " + begins + "   " + m.what());
    step.put("result", m.answer());
    step.put("lane", m.part());
    step.put("held", m.held());
    step.put("conflict", m.meets());
    var events = new ArrayList<Map<String, Object>>();
    for (TraceEvent e : m.events()) {
      var entry = new LinkedHashMap<String, Object>();
      entry.put("depth", 0);
      entry.put("kind", e.kind().name().toLowerCase(Locale.ROOT));
      entry.put("name", e.name());
      entry.put("arguments", e.arguments());
      entry.put("result", e.result());
      events.add(entry);
    }
    step.put("events", events);
    return step;
  }
}
