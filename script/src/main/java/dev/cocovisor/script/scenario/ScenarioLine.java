package dev.cocovisor.script.scenario;

import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One line of a program.
 *
 * @param call the line as written
 * @param step what it means
 * @param expected what it answers, technology by technology, where an {@code expect} behind it says
 *     so
 */
public record ScenarioLine(LogCall call, Step step, Map<String, LogResult> expected) {
  /** A line without expectations of single technologies. */
  public ScenarioLine(LogCall call, Step step) {
    this(call, step, Map.of());
  }

  /** Returns what the line answers on a technology, or null if it does not say. */
  public @Nullable LogResult expected(String technology) {
    return expected.getOrDefault(technology, call.result());
  }
}
