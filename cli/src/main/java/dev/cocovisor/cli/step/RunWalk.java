package dev.cocovisor.cli.step;

import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/**
 * A place in a run, and what the tables say there. Going back begins again from the first step: the
 * run is the same each time.
 */
final class RunWalk {
  /**
   * Pages of which a table says the same.
   *
   * @param first the first page
   * @param end the page behind the last
   * @param value the number of what is said, in the run's values
   * @param leads where the first page leads, or -1
   */
  record Range(long first, long end, int value, long leads) {}

  private final JsonNode run;
  private final List<NavigableMap<Long, Range>> strips = new ArrayList<>();
  private int at = -1;

  /** Stands before the first step of a document of {@code cocovisor.run}. */
  RunWalk(JsonNode run) {
    this.run = run;
    begin();
  }

  private void begin() {
    strips.clear();
    run.get("strips").forEach(_ -> strips.add(new TreeMap<>()));
    at = -1;
  }

  /** Returns the step stood behind, from 0; -1 before the first. */
  int at() {
    return at;
  }

  /** Returns how many steps there are. */
  int steps() {
    return run.get("steps").size();
  }

  /** Returns a step. */
  JsonNode step(int number) {
    return run.get("steps").get(number);
  }

  /** Goes behind a step; numbers beyond the ends mean the ends. */
  void go(int number) {
    int to = Math.clamp(number, -1, steps() - 1);
    if (to < at) {
      begin();
    }
    while (at < to) {
      step(++at).path("state").forEach(this::apply);
    }
  }

  private void apply(JsonNode c) {
    NavigableMap<Long, Range> strip = strips.get(c.get(0).asInt());
    long first = c.get(1).asLong();
    long end = first + c.get(2).asLong();
    cut(strip, first);
    cut(strip, end);
    strip.subMap(first, end).clear();
    if (c.get(3).asInt() >= 0) {
      strip.put(first, new Range(first, end, c.get(3).asInt(), c.get(4).asLong()));
    }
  }

  /** Makes a boundary of a place inside a range. */
  private static void cut(NavigableMap<Long, Range> strip, long page) {
    var e = strip.lowerEntry(page);
    if (e != null && e.getValue().end() > page) {
      Range r = e.getValue();
      strip.put(r.first(), new Range(r.first(), page, r.value(), r.leads()));
      long leads = r.leads() < 0 ? -1 : r.leads() + page - r.first();
      strip.put(page, new Range(page, r.end(), r.value(), leads));
    }
  }

  /** Returns how many tables there are. */
  int tables() {
    return strips.size();
  }

  /** Returns what a table is: its VM, role and name. */
  JsonNode table(int number) {
    return run.get("strips").get(number);
  }

  /** Returns what a table says now, ascending. */
  List<Range> ranges(int number) {
    return List.copyOf(strips.get(number).values());
  }

  /** Returns what a range's value means. */
  JsonNode value(Range range) {
    return run.get("values").get(range.value());
  }
}
