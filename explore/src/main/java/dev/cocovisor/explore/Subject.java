package dev.cocovisor.explore;

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
}
