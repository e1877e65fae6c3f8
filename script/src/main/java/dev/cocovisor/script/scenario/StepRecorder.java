package dev.cocovisor.script.scenario;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Keeps the events of one step in the order in which they began. */
final class StepRecorder implements TraceSink {
  private List<ScenarioStep.@Nullable Happened> happened = new ArrayList<>();

  /** The places of the calls that have begun and not ended. */
  private final Deque<Integer> open = new ArrayDeque<>();

  @Override
  public boolean enabled() {
    return true;
  }

  @Override
  public void emit(TraceEvent event) {
    happened.add(new ScenarioStep.Happened(open.size(), event));
  }

  @Override
  public void begin() {
    open.push(happened.size());
    happened.add(null);
  }

  @Override
  public void end(TraceEvent event) {
    int place = open.pop();
    happened.set(place, new ScenarioStep.Happened(open.size(), event));
  }

  /** Returns what happened since the last call and forgets it. */
  List<ScenarioStep.Happened> take() {
    List<ScenarioStep.Happened> taken =
        happened.stream().filter(Objects::nonNull).<ScenarioStep.Happened>map(h -> h).toList();
    happened = new ArrayList<>();
    open.clear();
    return taken;
  }
}
