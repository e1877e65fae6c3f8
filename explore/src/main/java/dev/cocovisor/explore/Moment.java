package dev.cocovisor.explore;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.view.Strip;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One step of an execution that was looked at.
 *
 * @param part the name of the part that made it; empty for what was done before and after all parts
 * @param what what it touched
 * @param begins the call that begins here, as a scenario's line; null where none does
 * @param answer what that call answered in the end; empty where it had no end
 * @param meets whether it follows a step of another part that touched the same
 * @param held what each part holds then, by its name
 * @param events what happened until the next step
 * @param strips what the tables said then
 */
public record Moment(
    String part,
    String what,
    @Nullable String begins,
    String answer,
    boolean meets,
    Map<String, List<String>> held,
    List<TraceEvent> events,
    List<Strip> strips) {}
