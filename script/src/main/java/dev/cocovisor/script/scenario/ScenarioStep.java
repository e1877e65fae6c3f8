package dev.cocovisor.script.scenario;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.script.text.LogCall;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one line of a scenario did.
 *
 * @param program the place of its program in the scenario, from 0
 * @param step what the line means
 * @param call the line as written
 * @param answered the call with the model's answer
 * @param unmet what the line expected, as text, if the answer is another; else null
 * @param got the answer, as text
 * @param expected whether the line says what it expects
 * @param happened what happened meanwhile, in the order it began
 * @param counters the page counters of each VM whose counters changed
 * @param ownership the frames of guest memory that changed hands, as text
 * @param tables the pages that tables take now, in all VMs
 */
public record ScenarioStep(
    int program,
    Step step,
    LogCall call,
    LogCall answered,
    @Nullable String unmet,
    String got,
    boolean expected,
    List<Happened> happened,
    List<VmCounters> counters,
    List<String> ownership,
    Tables tables) {

  /**
   * An event and how deep inside other calls it happened.
   *
   * @param depth 0 for what the step itself caused
   * @param event what happened
   */
  public record Happened(int depth, TraceEvent event) {}

  /**
   * Pages that hold translation tables.
   *
   * @param core the core's own, those of a mirror included
   * @param trusted the trusted half's
   */
  public record Tables(long core, long trusted) {
    /** No tables. */
    public static final Tables NONE = new Tables(0, 0);
  }

  /** Returns the events alone. */
  public List<TraceEvent> events() {
    return happened.stream().map(Happened::event).toList();
  }
}
