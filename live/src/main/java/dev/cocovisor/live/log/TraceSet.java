package dev.cocovisor.live.log;

import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogWriter;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The processes of one trace, told apart by what they share: threads are one process, a child by
 * fork has the same descriptors and memory of its own, a new program begins with nothing.
 */
public final class TraceSet {
  private final Map<Integer, ProcessTrace> byPid = new HashMap<>();
  private final List<ProcessTrace> all = new ArrayList<>();

  /** Returns the trace of a process or thread; one that nobody announced is the first process. */
  public ProcessTrace of(int pid) {
    return byPid.computeIfAbsent(pid, _ -> all.isEmpty() ? begin(new ProcessTrace()) : all.get(0));
  }

  private ProcessTrace begin(ProcessTrace trace) {
    all.add(trace);
    return trace;
  }

  /** A thread began, which shares everything. */
  public void thread(int parent, int child) {
    byPid.put(child, of(parent));
  }

  /** A child began, which has copies of everything. */
  public void forked(int parent, int child) {
    byPid.put(child, begin(of(parent).forked()));
  }

  /** A process or thread ended; what it did stays. */
  public void ended(int pid) {
    byPid.remove(pid);
  }

  /** A process began to run another program; its threads are gone. */
  public void executed(int pid) {
    ProcessTrace before = of(pid);
    ProcessTrace now = before.executed();
    int place = before.touchesKvm() ? -1 : all.indexOf(before);
    if (place >= 0) {
      // Nobody will ask for what it did before.
      all.set(place, now);
      byPid.put(pid, now);
    } else {
      byPid.put(pid, begin(now));
    }
  }

  /** Returns the processes that had to do with KVM, in the order in which they began. */
  public List<ProcessTrace> programs() {
    return all.stream().filter(ProcessTrace::touchesKvm).toList();
  }

  /** Returns how many calls of each kind hold an address where their structure should be. */
  public Map<String, Long> undecoded() {
    var sum = new TreeMap<String, Long>();
    programs().forEach(p -> p.undecoded().forEach((k, n) -> sum.merge(k, n, Long::sum)));
    return sum;
  }

  /**
   * Writes a program for each process that had to do with KVM.
   *
   * @param header what stands in front of each program's calls
   * @return the number of calls written, header lines and lines that were added not counted
   * @throws IOException if nothing can be written
   */
  public long write(Appendable out, List<LogCall> header) throws IOException {
    long calls = 0;
    int number = 0;
    for (ProcessTrace p : programs()) {
      out.append("# program ").append(Integer.toString(number++)).append('\n');
      for (LogCall c : header) {
        out.append(LogWriter.line(c)).append('\n');
      }
      for (LogCall c : p.lines()) {
        out.append(LogWriter.line(c)).append('\n');
        calls++;
      }
    }
    return calls;
  }
}
