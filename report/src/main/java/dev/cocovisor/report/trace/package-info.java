/**
 * Runs as traces for tools that know time lines: the trace events that Perfetto opens, and events
 * of the Java flight recorder. The model has no clock, so a trace's time is a count of what
 * happened.
 */
@NullMarked
package dev.cocovisor.report.trace;

import org.jspecify.annotations.NullMarked;
