package dev.cocovisor.explore;

import java.util.List;

/**
 * Something that broke.
 *
 * @param what what broke, in words that name the frame, the lock or the answer
 * @param schedule the order of steps in which it does
 * @param found the number of the schedule that found it, from 1
 * @param millis how long the search took until then
 * @param preemptions how often a part is interrupted in it
 * @param lanes the interleaving, a line a step, for people
 */
public record Finding(
    String what, Schedule schedule, long found, long millis, int preemptions, List<String> lanes) {
  /** Keeps a copy of the lanes. */
  public Finding {
    lanes = List.copyOf(lanes);
  }

  /**
   * Returns what kind of thing broke: numbers left out, so that the same fault found twice is one.
   */
  public String kind() {
    return kindOf(what);
  }

  /** Returns what kind of thing broke, as {@link #kind} does, of what broke in words. */
  public static String kindOf(String what) {
    int line = what.indexOf('\n');
    String first = line < 0 ? what : what.substring(0, line);
    return first.replaceAll("0x[0-9a-f]+|\\b\\d+\\b", "#");
  }
}
