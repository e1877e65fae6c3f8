package dev.cocovisor.report.trace;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The trace of runs as trace events in JSON, which the Perfetto UI opens: a process a run with a
 * lane for each vCPU and the VMM, calls as slices with hooks and firmware calls inside, another
 * process with a lane a lock, and counters.
 *
 * <p>The format is that of "Trace Event Format" (Google, 2016): complete events ({@code X}),
 * counters ({@code C}) and names ({@code M}). Times are microseconds there; here one is a thing
 * that happened.
 */
public final class Perfetto {
  private static final Pattern COUNTERS = Pattern.compile("kvm_stats\\((.+?)\\) = \\{(.*)\\}");
  private static final Pattern COUNTER = Pattern.compile("(\\w+)=(\\d+)");

  private final List<Map<String, Object>> events = new ArrayList<>();
  private int processes;

  private Perfetto() {}

  /**
   * Returns the trace.
   *
   * @param runs documents of {@code cocovisor.run}
   */
  public static String of(List<? extends Map<String, Object>> runs) {
    var trace = new Perfetto();
    var mapper = new JsonMapper();
    for (Map<String, Object> run : runs) {
      trace.run(mapper.valueToTree(run));
    }
    var doc = new LinkedHashMap<String, Object>();
    doc.put("displayTimeUnit", "ns");
    doc.put("otherData", Map.of("generator", "cocovisor", "clock", "one unit is one event"));
    doc.put("traceEvents", trace.events);
    return mapper.writeValueAsString(doc);
  }

  private void run(JsonNode run) {
    int process = ++processes;
    String name = run.path("scenario").asString("") + " on " + run.path("backend").asString("");
    name(process, 0, "process_name", name);
    Set<String> lanes = new LinkedHashSet<>();
    run.path("lanes").forEach(l -> lanes.add(l.asString()));
    run.get("steps").forEach(s -> lanes.add(lane(s)));
    List<String> order = List.copyOf(lanes);
    for (int i = 0; i < order.size(); i++) {
      name(process, i + 1, "thread_name", order.get(i));
    }
    var locks = new Locks();
    long now = 0;
    for (JsonNode step : run.get("steps")) {
      long began = now++;
      int thread = order.indexOf(lane(step)) + 1;
      locks.at(began, step.path("held"));
      now = inside(step.get("events"), process, thread, now);
      var args = new LinkedHashMap<String, Object>();
      args.put("line", step.get("line").asInt());
      args.put("result", step.get("result").asString());
      if (step.has("expected")) {
        args.put("expected", step.get("expected").asString());
      }
      String call = step.get("call").asString().strip();
      slice(process, thread, "call", call.isEmpty() ? "step" : call, began, now - began, args);
      counters(process, step, now);
      now++;
    }
    locks.end(now);
    if (!locks.threads.isEmpty()) {
      int own = ++processes;
      name(own, 0, "process_name", "locks of " + name);
      locks.write(own);
    }
  }

  private static String lane(JsonNode step) {
    String lane = step.path("lane").asString("");
    return lane.isEmpty() ? "host" : lane;
  }

  private record Open(int depth, JsonNode event, long began) {}

  /** Writes what happened inside a step; returns the time after it. */
  private long inside(JsonNode happened, int process, int thread, long from) {
    Deque<Open> open = new ArrayDeque<>();
    long now = from;
    for (JsonNode e : happened) {
      int depth = e.get("depth").asInt();
      now = closed(open, depth, process, thread, now);
      open.push(new Open(depth, e, now++));
    }
    return closed(open, -1, process, thread, now);
  }

  private long closed(Deque<Open> open, int depth, int process, int thread, long now) {
    long at = now;
    while (!open.isEmpty() && open.getFirst().depth() >= depth) {
      Open o = open.pop();
      JsonNode e = o.event();
      var args = new LinkedHashMap<String, Object>();
      args.put("arguments", e.get("arguments").asString());
      args.put("result", e.get("result").asString());
      String kind = e.get("kind").asString();
      slice(process, thread, kind, e.get("name").asString(), o.began(), ++at - o.began(), args);
    }
    return at;
  }

  private void counters(int process, JsonNode step, long now) {
    JsonNode tables = step.path("tables");
    if (tables.has("core")) {
      var args = new LinkedHashMap<String, Object>();
      args.put("core", tables.get("core").asLong());
      args.put("trusted", tables.get("trusted").asLong());
      counter(process, "table pages", now, args);
    }
    for (JsonNode c : step.path("counters")) {
      Matcher m = COUNTERS.matcher(c.asString());
      if (m.matches()) {
        var args = new LinkedHashMap<String, Object>();
        Matcher one = COUNTER.matcher(m.group(2));
        while (one.find()) {
          args.put(one.group(1), Long.valueOf(one.group(2)));
        }
        counter(process, "pages of VM " + m.group(1), now, args);
      }
    }
  }

  private void name(int process, int thread, String what, String name) {
    var e = event("M", what, process, thread);
    e.put("args", Map.of("name", name));
  }

  private void slice(
      int process,
      int thread,
      String category,
      String name,
      long at,
      long duration,
      Map<String, Object> args) {
    var e = event("X", name, process, thread);
    e.put("cat", category);
    e.put("ts", at);
    e.put("dur", duration);
    e.put("args", args);
  }

  private void counter(int process, String name, long at, Map<String, Object> args) {
    var e = event("C", name, process, 0);
    e.put("ts", at);
    e.put("args", args);
  }

  private Map<String, Object> event(String phase, String name, int process, int thread) {
    var e = new LinkedHashMap<String, Object>();
    e.put("ph", phase);
    e.put("name", name);
    e.put("pid", process);
    e.put("tid", thread);
    events.add(e);
    return e;
  }

  /** Who held which lock, from when to when. */
  private final class Locks {
    private final Map<String, Map<String, Long>> since = new LinkedHashMap<>();
    private final Map<String, Integer> threads = new LinkedHashMap<>();
    private final List<Object[]> slices = new ArrayList<>();

    void at(long now, JsonNode held) {
      var still = new LinkedHashMap<String, Set<String>>();
      held.forEachEntry((who, locks) -> {
        for (JsonNode l : locks) {
          still.computeIfAbsent(l.asString(), _ -> new LinkedHashSet<>()).add(who);
        }
      });
      since.forEach((lock, holders) ->
          holders
              .entrySet()
              .removeIf(h -> {
                boolean gone = !still.getOrDefault(lock, Set.of()).contains(h.getKey());
                if (gone) {
                  slices.add(new Object[] {lock, h.getKey(), h.getValue(), now});
                }
                return gone;
              }));
      still.forEach((lock, holders) -> {
        threads.putIfAbsent(lock, threads.size() + 1);
        holders.forEach(
            h -> since.computeIfAbsent(lock, _ -> new LinkedHashMap<>()).putIfAbsent(h, now));
      });
    }

    void end(long now) {
      at(now, new JsonMapper().createObjectNode());
    }

    void write(int process) {
      threads.forEach((lock, thread) -> name(process, thread, "thread_name", lock));
      for (Object[] s : slices) {
        int thread = threads.getOrDefault((String) s[0], 0);
        long from = (Long) s[2];
        slice(process, thread, "lock", (String) s[1], from, (Long) s[3] - from, Map.of());
      }
    }
  }
}
