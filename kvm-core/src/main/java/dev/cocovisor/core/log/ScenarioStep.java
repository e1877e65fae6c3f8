package dev.cocovisor.core.log;

import dev.cocovisor.api.trace.TraceEvent;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one line of a scenario did.
 *
 * @param call the line as written
 * @param answered the call with the model's answer
 * @param unmet what the line expected, as text, if the answer is another; else null
 * @param got the answer, as text
 * @param events what happened meanwhile, in order
 * @param counters the page counters of each VM whose counters changed, as a log prints them
 */
public record ScenarioStep(
    LogCall call,
    LogCall answered,
    @Nullable String unmet,
    String got,
    List<TraceEvent> events,
    List<String> counters) {}
