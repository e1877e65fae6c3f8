package dev.cocovisor.explore;

import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.view.Strip;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Follows one schedule and looks at the host at every step of it. */
final class ScheduleRecorder implements TraceSink {
  private final List<List<Strip>> looks = new ArrayList<>();
  private final List<List<TraceEvent>> events = new ArrayList<>();
  private final List<Map<String, List<String>>> held = new ArrayList<>();
  private List<TraceEvent> now = new ArrayList<>();

  @Override
  public boolean enabled() {
    return true;
  }

  @Override
  public void emit(TraceEvent event) {
    now.add(event);
  }

  /** Makes the execution; what is kept of a step is what was before it. */
  List<Moment> record(Subject subject, Schedule schedule, int mostSteps) {
    try (var fibers = new Fibers();
        Trial trial = subject.newTrial(this)) {
      var x = new Execution(trial, new Replayed(schedule), Oracle.TRIAL, fibers, mostSteps, true);
      x.watch(() -> {
        look(trial);
        held.add(x.holds());
      });
      x.run();
      String ending = x.broken() == null ? x.outcome() : x.broken();
      return moments(x, ending);
    }
  }

  private void look(Trial trial) {
    looks.add(trial.look());
    events.add(now);
    now = new ArrayList<>();
  }

  private List<Moment> moments(Execution x, String ending) {
    var out = new ArrayList<Moment>();
    out.add(new Moment("", "before", null, "", false, Map.of(), events.get(0), looks.get(0)));
    List<ScheduleStep> made = x.made();
    int[] call = new int[x.parts().size()];
    java.util.Arrays.fill(call, -1);
    for (int i = 0; i < made.size(); i++) {
      ScheduleStep s = made.get(i);
      Trial.Part part = x.parts().get(s.part());
      int in = x.callsAt(i)[s.part()];
      boolean begins = in != call[s.part()];
      call[s.part()] = in;
      if (!begins && s.kind() == PointKind.RETRY && events.get(i + 1).isEmpty()) {
        continue;
      }
      out.add(
          new Moment(
              part.name(),
              s.kind() == PointKind.RETRY ? "goes on" : s.toString(),
              begins ? part.calls().get(in).text() : null,
              begins ? x.answer(s.part(), in) : "",
              Lanes.meets(made, i),
              new LinkedHashMap<>(held.get(i)),
              events.get(i + 1),
              looks.get(i + 1)));
    }
    out.add(new Moment("", ending, null, "", false, Map.of(), now, looks.getLast()));
    return out;
  }
}
