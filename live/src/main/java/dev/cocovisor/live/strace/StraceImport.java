package dev.cocovisor.live.strace;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.live.log.TraceSet;
import dev.cocovisor.live.log.TracedCall;
import dev.cocovisor.script.call.Calls;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogReader;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.io.BufferedReader;
import java.io.IOException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Makes a call log of strace's output.
 *
 * <p>Calls stand in the log where they returned: a call that other threads' lines cut in two is
 * joined at its second half. A line whose call matters and cannot be read is counted, not refused;
 * refused is only a text that holds no call at all.
 */
public final class StraceImport {
  /** Calls that are looked at; no other is parsed, whatever it holds. */
  private static final Set<String> READ =
      Set.of(
          "openat",
          "open",
          "close",
          "dup",
          "dup2",
          "dup3",
          "fcntl",
          "memfd_create",
          "ioctl",
          "newfstatat",
          "fstat",
          "mmap",
          "munmap",
          "mremap",
          "mprotect",
          "madvise",
          "mlock",
          "munlock",
          "fallocate",
          "ftruncate",
          "pread64",
          "pwrite64",
          "read",
          "write",
          "execve",
          "recvmsg");

  private static final Set<String> CHILDREN = Set.of("clone", "clone3", "fork", "vfork");

  private static final Pattern CHILD = Pattern.compile("\\) += (\\d{1,9})(?:<[^>]*>)?\\s*$");

  private final TraceSet traces = new TraceSet();
  private final Map<Integer, StraceLine.Unfinished> open = new HashMap<>();
  private final Map<String, Long> unread = new TreeMap<>();
  private @Nullable PendingRun last;
  private long lines;
  private long calls;
  private long foreign;
  private long withoutBeginning;
  private long mmioWithoutAddress;
  private long faultsWithoutAddress;
  private long handedOver;

  /** A KVM_RUN whose exit may be told by the line that follows. */
  private record PendingRun(int pid, LogCall call, String path) {}

  /** Creates an importer of one trace, which may lie in several files (strace -ff). */
  public StraceImport() {}

  /**
   * Reads a file.
   *
   * @throws IOException if it cannot be read
   * @throws LogSyntaxException if there is no line in it that strace prints
   */
  public void read(LogSource source) throws IOException {
    long before = calls;
    String firstForeign = null;
    int where = 0;
    int number = 0;
    try (BufferedReader in = source.opener().open()) {
      for (String text = in.readLine(); text != null; text = in.readLine()) {
        number++;
        lines++;
        StraceLine line = StraceLine.of(text);
        if (line instanceof StraceLine.Foreign f && firstForeign == null) {
          firstForeign = f.text();
          where = number;
        }
        take(line, number);
      }
    }
    settle();
    if (calls == before) {
      throw new LogSyntaxException(
          source.name(),
          Math.max(where, 1),
          1,
          firstForeign == null ? "no call in the whole text" : "'" + shortened(firstForeign) + "'",
          "what strace -f -y prints: PID CALL(ARGUMENTS) = RESULT");
    }
  }

  private static String shortened(String text) {
    return text.length() <= 40 ? text : text.substring(0, 40) + "…";
  }

  private void take(StraceLine line, int number) {
    switch (line) {
      case StraceLine.Remark _ -> {}
      case StraceLine.Foreign _ -> foreign++;
      case StraceLine.VcpuState s -> state(s);
      case StraceLine.Unfinished u -> open.put(u.pid(), u);
      case StraceLine.Resumed r -> {
        StraceLine.Unfinished head = open.remove(r.pid());
        if (head == null) {
          withoutBeginning++;
        } else {
          call(r.pid(), head.head() + r.tail(), number);
        }
      }
      case StraceLine.Call c -> call(c.pid(), c.text(), number);
    }
  }

  private void call(int pid, String text, int number) {
    calls++;
    String name = text.substring(0, text.indexOf('('));
    if (CHILDREN.contains(name)) {
      began(pid, text);
    }
    if (!READ.contains(name)) {
      traces.of(pid).skipped();
      return;
    }
    LogCall call;
    try {
      call =
          LogReader.parse("", number, Requests.single(Decorations.without(text)))
                  instanceof LogCall c
              ? c
              : null;
    } catch (LogSyntaxException _) {
      call = null;
    }
    String path = Decorations.ofFirstArgument(text);
    if (call == null || call.result() == null) {
      unread(pid, name, path, call != null);
      return;
    }
    switch (name) {
      case "execve" -> {
        if (!call.result().isError()) {
          traces.executed(pid);
        }
      }
      case "recvmsg" -> {
        if (text.contains("SCM_RIGHTS")) {
          handedOver++;
        }
      }
      default -> {}
    }
    if (isRun(call)) {
      settle();
      last = new PendingRun(pid, call, path);
    } else {
      settle();
      traces.of(pid).add(new TracedCall(call, path, Decorations.ofResult(text)));
    }
  }

  /** A line that matters, perhaps, and cannot be read; a call that never returned is no loss. */
  private void unread(int pid, String name, String path, boolean neverReturned) {
    traces.of(pid).skipped();
    boolean matters =
        !name.equals("ioctl") ? !path.isEmpty() : path.contains("kvm") || path.isEmpty();
    if (!neverReturned && matters) {
      unread.merge(name, 1L, Long::sum);
    }
  }

  /** The names of clone's arguments are no grammar of calls; its flags and result are enough. */
  private void began(int pid, String text) {
    Matcher result = CHILD.matcher(text);
    if (result.find()) {
      int child = Integer.parseInt(result.group(1));
      if (text.contains("CLONE_FILES") && text.contains("CLONE_VM")) {
        traces.thread(pid, child);
      } else {
        traces.forked(pid, child);
      }
    }
  }

  private static boolean isRun(LogCall call) {
    return call.name().equals("ioctl")
        && call.args().size() > 1
        && "KVM_RUN".equals(dev.cocovisor.script.call.Symbols.ioctlName(call.args().get(1)));
  }

  /** What the vCPU's page held after the run that was just told. */
  private void state(StraceLine.VcpuState s) {
    PendingRun run = last;
    LogResult result = run == null ? null : run.call().result();
    if (!s.after() || run == null || result == null) {
      return;
    }
    LogResult.Exit exit = VcpuExit.of(s.struct());
    if (exit != null) {
      last = new PendingRun(run.pid(), run.call().withResult(result.with(exit)), run.path());
    }
    settle();
  }

  /** Adds the run whose exit is known by now, if one was waiting. */
  private void settle() {
    PendingRun run = last;
    last = null;
    if (run == null) {
      return;
    }
    LogResult result = run.call().result();
    LogResult.Exit exit = result == null ? null : result.exit();
    String reason = exit == null ? "" : exit.reason();
    if (reason.equals("KVM_EXIT_MMIO") && exit != null && exit.get("phys_addr") == null) {
      mmioWithoutAddress++;
    }
    if (result != null
        && result.error().equals("EFAULT")
        && !reason.equals("KVM_EXIT_MEMORY_FAULT")) {
      faultsWithoutAddress++;
    }
    traces.of(run.pid()).add(new TracedCall(run.call(), run.path(), ""));
  }

  /**
   * Writes the log and tells what became of the trace.
   *
   * @throws IOException if it cannot be written
   */
  public ImportSummary write(Appendable out) throws IOException {
    var body = new StringBuilder();
    long kept = traces.write(body, List.of(header()));
    out.append("# Imported from strace by cocovisor import. What the trace lacks:\n");
    Map<String, Long> lost = lost();
    for (Map.Entry<String, Long> e : lost.entrySet()) {
      out.append("#   ").append(Long.toString(e.getValue())).append(' ');
      out.append(e.getKey()).append('\n');
    }
    out.append(body);
    long undecoded = 0;
    for (long n : traces.undecoded().values()) {
      undecoded += n;
    }
    for (long n : unread.values()) {
      undecoded += n;
    }
    return new ImportSummary(lines, calls, Math.max(calls - kept, 0), undecoded, lost);
  }

  private static LogCall header() {
    return Calls.call(
            "host_config", Calls.struct(Value.Field.of("recorder", new Value.Str("strace", false))))
        .withResult(LogResult.of(Value.Num.of(0)));
  }

  private Map<String, Long> lost() {
    var lost = new LinkedHashMap<String, Long>();
    traces.undecoded().forEach((name, n) -> lost.put(name + ": an address, not the structure", n));
    unread.forEach((name, n) -> lost.put(name + ": a line that cannot be read", n));
    put(lost, "KVM_EXIT_MMIO without its address", mmioWithoutAddress);
    put(lost, "KVM_RUN = EFAULT without its exit", faultsWithoutAddress);
    put(lost, "calls whose beginning is not in the trace", withoutBeginning);
    put(lost, "calls whose end is not in the trace", open.size());
    put(lost, "messages that hand descriptors over", handedOver);
    put(lost, "lines that strace does not print", foreign);
    return lost;
  }

  private static void put(Map<String, Long> into, String what, long count) {
    if (count > 0) {
      into.put(what, count);
    }
  }
}
