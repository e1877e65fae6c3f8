package dev.cocovisor.report.model;

import dev.cocovisor.api.view.Mark;
import dev.cocovisor.api.view.Span;
import dev.cocovisor.api.view.Strip;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Makes the document of a run, step by step.
 *
 * <p>What a strip says of pages is a number into {@code values}; each step has the ranges that say
 * something else than after the step before, as {@code [strip, first page, pages, value, leads to]}
 * with value -1 where nothing is said any more and -1 for what leads nowhere.
 */
public final class RunModel {
  /** The version of the document. */
  public static final int VERSION = 2;

  private final List<Map<String, Object>> strips = new ArrayList<>();
  private final List<List<Span>> last = new ArrayList<>();
  private final Map<List<Object>, Integer> numbers = new LinkedHashMap<>();
  private final Map<List<Object>, Integer> values = new LinkedHashMap<>();
  private final List<Map<String, Object>> valueList = new ArrayList<>();
  private final List<Map<String, Object>> steps = new ArrayList<>();

  /** Begins a document without steps. */
  public RunModel() {}

  /**
   * Adds a step.
   *
   * @param step what is told of it; gets an entry {@code state}
   * @param now what the tables say after it
   */
  public void step(Map<String, Object> step, List<Strip> now) {
    var changes = new ArrayList<long[]>();
    Set<Integer> seen = new HashSet<>();
    for (Strip s : now) {
      int number = number(s);
      seen.add(number);
      change(number, s.spans(), changes);
    }
    for (int i = 0; i < last.size(); i++) {
      if (!seen.contains(i)) {
        change(i, List.of(), changes);
      }
    }
    step.put("state", changes);
    steps.add(step);
  }

  private void change(int number, List<Span> now, List<long[]> into) {
    StripDelta.between(
        last.get(number),
        now,
        (from, to, span) -> {
          long value = span == null ? -1 : value(span);
          long leads = span == null ? -1 : span.leadsTo();
          long[] before = into.isEmpty() ? null : into.getLast();
          boolean goesOn =
              before != null
                  && before[0] == number
                  && before[1] + before[2] == from
                  && before[3] == value
                  && (before[4] < 0 ? leads < 0 : before[4] + before[2] == leads);
          if (goesOn && before != null) {
            before[2] += to - from;
          } else {
            into.add(new long[] {number, from, to - from, value, leads});
          }
        });
    last.set(number, now);
  }

  private int number(Strip s) {
    return numbers.computeIfAbsent(
        List.of(s.vm(), s.role(), s.name()),
        _ -> {
          var one = new LinkedHashMap<String, Object>();
          one.put("vm", s.vm());
          one.put("role", word(s.role()));
          one.put("name", s.name());
          strips.add(one);
          last.add(List.of());
          return strips.size() - 1;
        });
  }

  private int value(Span s) {
    return values.computeIfAbsent(
        List.of(s.order(), s.kind(), s.state(), s.marks()),
        _ -> {
          var one = new LinkedHashMap<String, Object>();
          one.put("kind", word(s.kind()));
          one.put("state", s.state());
          if (s.order() > 0) {
            one.put("order", s.order());
          }
          if (!s.marks().isEmpty()) {
            one.put("marks", s.marks().stream().sorted().map(RunModel::word).toList());
          }
          valueList.add(one);
          return valueList.size() - 1;
        });
  }

  private static String word(Enum<?> e) {
    return e.name().toLowerCase(Locale.ROOT);
  }

  /** Returns the words for marks, in the order in which values list them. */
  public static List<String> marks() {
    return List.of(Mark.values()).stream().map(RunModel::word).toList();
  }

  /**
   * Returns the document: a head, then what the steps were told and did.
   *
   * @param head what is said of the run as a whole
   */
  public Map<String, Object> document(Map<String, Object> head) {
    var doc = new LinkedHashMap<String, Object>();
    doc.put("format", "cocovisor.run");
    doc.put("version", VERSION);
    doc.putAll(head);
    doc.put("strips", strips);
    doc.put("values", valueList);
    doc.put("steps", steps);
    return doc;
  }
}
