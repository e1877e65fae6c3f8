package dev.cocovisor.explore;

import dev.cocovisor.api.trace.TraceSink;

/**
 * Something to explore: it builds the same trial again and again, so that a schedule means the same
 * each time. Everything a trial does follows from the subject and the schedule; nothing reads a
 * clock or a random source.
 */
public interface Subject {
  /** Returns the name for reports. */
  String name();

  /** Builds a fresh host with its parts, none of which has begun. */
  Trial newTrial();

  /** As {@link #newTrial()}, and tells what happens; a subject that cannot tell is as good. */
  default Trial newTrial(TraceSink trace) {
    return newTrial();
  }
}
