package dev.cocovisor.explore;

import dev.cocovisor.api.sched.Location;
import dev.cocovisor.api.sched.Mode;
import dev.cocovisor.api.sched.PointKind;

/**
 * A step that a part made, or stands before.
 *
 * @param part the part's number
 * @param kind what kind of step
 * @param where what it touches; identity only
 * @param index which part of it
 * @param mode whether it changes it
 */
record ScheduleStep(int part, PointKind kind, Object where, long index, Mode mode) {
  /** Tells whether the order of two steps can make a difference. */
  boolean conflicts(ScheduleStep other) {
    return part != other.part && touchesAlike(other);
  }

  /** As {@link #conflicts}, whoever makes them. */
  boolean touchesAlike(ScheduleStep other) {
    return where == other.where
        && index == other.index
        && (mode == Mode.WRITE || other.mode == Mode.WRITE);
  }

  @Override
  public String toString() {
    return kind + " " + Location.name(where, index) + (mode == Mode.WRITE ? "" : " (read)");
  }
}
