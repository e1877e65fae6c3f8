package dev.cocovisor.script.scenario;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the events of one step in the order in which they began. Of several threads that go in
 * turns, each has calls of its own that are open; one that goes on after a step was taken is kept
 * with the step in which it ends.
 */
final class StepRecorder implements TraceSink {
  private List<ScenarioStep.@Nullable Happened> happened = new ArrayList<>();

  /** How many steps were taken: places of a step before are none any more. */
  private int taken;

  /** A call that has begun and not ended: the step it began in, and its place there. */
  private record Open(int step, int place) {}

  private final ThreadLocal<Deque<Open>> calls = ThreadLocal.withInitial(ArrayDeque::new);

  @Override
  public boolean enabled() {
    return true;
  }

  @Override
  public void emit(TraceEvent event) {
    happened.add(new ScenarioStep.Happened(calls.get().size(), event));
  }

  @Override
  public void begin() {
    calls.get().push(new Open(taken, happened.size()));
    happened.add(null);
  }

  @Override
  public void end(TraceEvent event) {
    Open began = calls.get().poll();
    if (began == null || began.step() != taken) {
      emit(event);
    } else {
      happened.set(began.place(), new ScenarioStep.Happened(calls.get().size(), event));
    }
  }

  /** Returns what happened since the last call and forgets it. */
  List<ScenarioStep.Happened> take() {
    List<ScenarioStep.Happened> all =
        happened.stream().filter(Objects::nonNull).<ScenarioStep.Happened>map(h -> h).toList();
    happened = new ArrayList<>();
    calls.get().clear();
    taken++;
    return all;
  }
}
