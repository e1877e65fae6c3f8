package dev.cocovisor.report.model;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Where two runs part, and what follows: the first step that answers, does or leaves something
 * else, and the later ones that answer something else. Steps are taken in order.
 *
 * @param first the first step that differs; null where none does
 * @param later the steps behind it whose answers or calls differ
 * @param busy how many steps behind it differ in what happened inside or in the tables only
 */
public record RunDiff(@Nullable Step first, List<Step> later, int busy) {
  /** Keeps a copy of the steps. */
  public RunDiff {
    later = List.copyOf(later);
  }

  /**
   * A step that differs.
   *
   * @param line its line in the scenario, of A where both have one
   * @param call what it is, of A where both have it
   * @param a what A answered
   * @param b what B answered
   * @param onlyA what happened in A and not in B, or stands in the tables of A, as text
   * @param onlyB the same of B
   */
  public record Step(
      int line, String call, String a, String b, List<String> onlyA, List<String> onlyB) {
    /** Tells whether the answers differ. */
    public boolean answers() {
      return !a.equals(b);
    }
  }

  private static final String NONE = "(no such step)";

  /** Compares two documents of {@code cocovisor.run}. */
  public static RunDiff of(JsonNode a, JsonNode b) {
    JsonNode stepsA = a.get("steps");
    JsonNode stepsB = b.get("steps");
    Step first = null;
    var later = new ArrayList<Step>();
    int busy = 0;
    for (int i = 0; i < Math.max(stepsA.size(), stepsB.size()); i++) {
      Step s = step(a, stepsA.get(i), b, stepsB.get(i));
      if (s == null) {
        continue;
      }
      if (first == null) {
        first = s;
      } else if (s.answers()) {
        later.add(s);
      } else {
        busy++;
      }
    }
    return new RunDiff(first, later, busy);
  }

  private static @Nullable Step step(
      JsonNode runA, @Nullable JsonNode a, JsonNode runB, @Nullable JsonNode b) {
    JsonNode one = a != null ? a : Objects.requireNonNull(b);
    List<String> inA = a == null ? List.of() : happened(runA, a);
    List<String> inB = b == null ? List.of() : happened(runB, b);
    String gotA = a == null ? NONE : a.get("result").asString();
    String gotB = b == null ? NONE : b.get("result").asString();
    if (inA.equals(inB) && gotA.equals(gotB)) {
      return null;
    }
    return new Step(
        one.get("line").asInt(),
        one.get("call").asString(),
        gotA,
        gotB,
        less(inA, inB),
        less(inB, inA));
  }

  private static List<String> less(List<String> all, List<String> without) {
    Set<String> rest = new LinkedHashSet<>(all);
    without.forEach(rest::remove);
    return List.copyOf(rest);
  }

  private static List<String> happened(JsonNode run, JsonNode step) {
    var out = new ArrayList<String>();
    for (JsonNode e : step.get("events")) {
      out.add(
          e.get("name").asString()
              + "("
              + e.get("arguments").asString()
              + ") = "
              + e.get("result").asString());
    }
    for (JsonNode c : step.path("state")) {
      out.add(change(run, c));
    }
    return out;
  }

  /** Says what a change of the tables means. */
  static String change(JsonNode run, JsonNode c) {
    JsonNode strip = run.get("strips").get(c.get(0).asInt());
    long first = c.get(1).asLong();
    long last = first + c.get(2).asLong() - 1;
    int value = c.get(3).asInt();
    JsonNode says = value < 0 ? null : run.get("values").get(value);
    String unit = strip.get("role").asString().equals("frames") ? "pfn" : "gfn";
    return (strip.get("vm").asString().isEmpty() ? "" : "VM " + strip.get("vm").asString() + " ")
        + strip.get("name").asString()
        + ", "
        + unit
        + " 0x"
        + Long.toHexString(first)
        + (last > first ? "..0x" + Long.toHexString(last) : "")
        + ": "
        + (says == null ? "nothing" : words(says, c.get(4).asLong()));
  }

  private static String words(JsonNode says, long leads) {
    int order = says.path("order").asInt(0);
    String size = order == 0 ? "" : order == 9 ? "2M " : order == 18 ? "1G " : "2^" + order + " ";
    String marks = says.has("marks") ? " " + says.get("marks") : "";
    String to = leads < 0 ? "" : " -> 0x" + Long.toHexString(leads);
    return size + says.get("state").asString() + to + marks;
  }
}
