package dev.cocovisor.script.random;

import dev.cocovisor.api.Platform;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.LogWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What random programs reached: hooks of the vendor halves, rows of the trusted halves' tables with
 * the statuses they answered, and the answers of each kind of step. What a technology offers is
 * counted beside what was called, so that what nobody reached has a name.
 */
public final class Coverage implements TraceSink {
  private final SortedSet<String> hooksOffered = new TreeSet<>();
  private final SortedMap<String, SortedMap<String, Long>> hooks = new TreeMap<>();
  private final SortedSet<String> rowsOffered = new TreeSet<>();
  private final SortedMap<String, SortedMap<String, Long>> rows = new TreeMap<>();
  private final SortedMap<String, SortedMap<String, Long>> steps = new TreeMap<>();

  /** Creates a coverage of nothing. */
  public Coverage() {}

  @Override
  public boolean enabled() {
    return true;
  }

  @Override
  public void emit(TraceEvent event) {
    switch (event.kind()) {
      case HOOK -> count(hooks, event.name(), event.result());
      case FIRMWARE -> count(rows, event.name(), event.result());
      default -> {}
    }
  }

  private static void count(
      SortedMap<String, SortedMap<String, Long>> of, String name, String result) {
    of.computeIfAbsent(name, _ -> new TreeMap<>()).merge(kind(result), 1L, Long::sum);
  }

  /** A result that is a count or an address is one kind of result: it worked. */
  private static String kind(String result) {
    return result.matches("-?\\d+|0x[0-9a-f]+") ? "0" : result;
  }

  /** Takes note of what a host offers. */
  void offered(Kvm host) {
    hooksOffered.addAll(host.implementedHooks());
    for (Platform p : host.platforms()) {
      for (TrustedCall row : p.trustedCalls()) {
        rowsOffered.add(row.callName());
      }
    }
  }

  /** Takes note of a step's answer. */
  void answered(ScenarioLine line, @Nullable Reply reply) {
    if (reply == null) {
      return;
    }
    LogResult result = reply.result();
    LogResult.Exit exit = result.exit();
    String said = result.isError() ? result.error() : exit == null ? "0" : status(exit);
    count(steps, line.call().name(), said);
  }

  private static String status(LogResult.Exit exit) {
    var status = exit.get("status");
    return status == null ? exit.reason() : exit.reason() + " " + LogWriter.value(status);
  }

  /** Returns the hooks that a vendor half has and nobody called. */
  public SortedSet<String> hooksNotCalled() {
    return without(hooksOffered, hooks.keySet());
  }

  /** Returns the rows of the trusted halves that nobody called. */
  public SortedSet<String> rowsNotCalled() {
    return without(rowsOffered, rows.keySet());
  }

  private static SortedSet<String> without(SortedSet<String> all, Set<String> some) {
    var rest = new TreeSet<>(all);
    rest.removeAll(some);
    return rest;
  }

  /** Returns the whole coverage in lines for people. */
  public List<String> lines() {
    var lines = new ArrayList<String>();
    part(lines, "hooks", hooksOffered, hooks);
    part(lines, "rows", rowsOffered, rows);
    steps.forEach((name, answers) -> lines.add("step " + name + ": " + counted(answers)));
    lines.add(summary());
    return lines;
  }

  private static void part(
      List<String> lines,
      String what,
      SortedSet<String> offered,
      SortedMap<String, SortedMap<String, Long>> called) {
    String one = what.substring(0, what.length() - 1);
    called.forEach((name, results) -> lines.add(one + " " + name + ": " + counted(results)));
    SortedSet<String> never = without(offered, called.keySet());
    if (!never.isEmpty()) {
      lines.add(what + " never called: " + String.join(", ", never));
    }
  }

  private static String counted(SortedMap<String, Long> results) {
    var words = new ArrayList<String>();
    results.forEach((result, n) -> words.add((result.isEmpty() ? "done" : result) + " " + n));
    return String.join(", ", words);
  }

  /** Returns one line: what was reached of what there is, and how many different results. */
  public String summary() {
    return "hooks=%d/%d rows=%d/%d hook-results=%d row-results=%d step-answers=%d"
        .formatted(
            hooksOffered.size() - hooksNotCalled().size(),
            hooksOffered.size(),
            rowsOffered.size() - rowsNotCalled().size(),
            rowsOffered.size(),
            results(hooks),
            results(rows),
            results(steps));
  }

  private static int results(SortedMap<String, SortedMap<String, Long>> of) {
    return of.values().stream().mapToInt(m -> m.size()).sum();
  }
}
