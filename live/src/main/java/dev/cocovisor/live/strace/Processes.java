package dev.cocovisor.live.strace;

import dev.cocovisor.live.log.TraceSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Who a line is about: processes and threads come and go, a child's first lines may stand before
 * the call that made it returns, and on a terminal a process that is alone has no number.
 */
final class Processes {
  private static final Set<String> MAKING = Set.of("clone", "clone3", "fork", "vfork");

  private static final Pattern CHILD =
      Pattern.compile(
          "\\) += (?<pid>\\d{1,9})(?:<[^>]*>)?(?: /\\* (?<ours>\\d{1,9}) in strace's PID NS \\*/)?"
              + "(?:\\s+<\\d+(?:\\.\\d+)?>)?\\s*$");

  private static final Pattern FLAGS =
      Pattern.compile("(?:flags=|^clone\\()(0x[0-9a-f]{1,15}|\\d{1,18})\\b");

  private static final long CLONE_VM = 0x100;
  private static final long CLONE_FILES = 0x400;

  private final TraceSet traces;

  /** Calls whose end another line holds, by the process they are of, latest last. */
  private final Map<Integer, String> open = new LinkedHashMap<>();

  private final Set<Integer> live = new LinkedHashSet<>();

  /** The number of the process whose lines have none, 0 as long as none was seen. */
  private int nameless;

  Processes(TraceSet traces) {
    this.traces = traces;
  }

  /** Tells whether a call makes a process or thread. */
  static boolean makes(String call) {
    return MAKING.contains(call.substring(0, Math.max(call.indexOf('('), 0)));
  }

  /**
   * Returns whose line it is.
   *
   * @param pid the number in front of the line, 0 if there is none
   * @param goesOn whether the line ends a call that began before
   */
  int of(int pid, boolean goesOn) {
    if (pid == nameless) {
      pid = 0;
    }
    if (live.contains(pid)) {
      return pid;
    }
    if (live.isEmpty()) {
      live.add(pid);
      return pid;
    }
    if (pid == 0) {
      return live.size() == 1 ? live.iterator().next() : latest(live);
    }
    Integer parent = goesOn ? null : parent();
    if (parent != null) {
      began(parent, pid, open.getOrDefault(parent, ""));
    } else if (live.contains(0) && nameless == 0) {
      nameless = pid;
      return 0;
    } else {
      live.add(pid);
    }
    return pid;
  }

  private static int latest(Set<Integer> of) {
    int last = 0;
    for (int pid : of) {
      last = pid;
    }
    return last;
  }

  /** Who is about to have a child; null if nobody is. */
  private @Nullable Integer parent() {
    Integer latest = null;
    for (Map.Entry<Integer, String> e : open.entrySet()) {
      if (makes(e.getValue())) {
        latest = e.getKey();
      }
    }
    return latest;
  }

  private void began(int parent, int child, String call) {
    if (!live.add(child)) {
      // Its lines came first.
      return;
    }
    if (sharesAll(call)) {
      traces.thread(parent, child);
    } else {
      traces.forked(parent, child);
    }
  }

  private static boolean sharesAll(String call) {
    if (call.contains("CLONE_")) {
      return call.contains("CLONE_FILES") && call.contains("CLONE_VM");
    }
    Matcher m = FLAGS.matcher(call);
    String told = m.find() ? m.group(1) : "0";
    long flags =
        told.startsWith("0x") ? Long.parseLong(told.substring(2), 16) : Long.parseLong(told);
    return (flags & (CLONE_VM | CLONE_FILES)) == (CLONE_VM | CLONE_FILES);
  }

  /** A call that makes a process or thread returned. */
  void made(int parent, String call) {
    Matcher result = CHILD.matcher(call);
    if (result.find()) {
      String ours = result.group("ours");
      began(parent, Integer.parseInt(ours == null ? result.group("pid") : ours), call);
    }
  }

  /** A process or thread ended; its number may be another's afterwards. */
  void ended(int pid) {
    live.remove(pid);
    open.remove(pid);
    traces.ended(pid);
  }

  /** A call began whose end is on another line. */
  void begins(int pid, String head) {
    open.remove(pid);
    open.put(pid, head);
  }

  /** Takes the beginning of the call that a line ends; null if there is none. */
  @Nullable String ends(int pid) {
    return open.remove(pid);
  }

  /** Returns how many calls have no end. */
  int unended() {
    return open.size();
  }
}
