package dev.cocovisor.live.strace;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.live.log.FileKind;
import dev.cocovisor.live.log.ProcessTrace;
import dev.cocovisor.live.log.TraceSet;
import dev.cocovisor.live.log.TracedCall;
import dev.cocovisor.live.trace.RequestNames;
import dev.cocovisor.script.call.Calls;
import dev.cocovisor.script.call.Symbols;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogReader;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.io.BufferedReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
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
          "close_range",
          "mlock2",
          "execve",
          "execveat");

  private static final Set<String> MEMORY =
      Set.of("mmap", "munmap", "mremap", "mprotect", "madvise", "mlock", "mlock2", "munlock");

  private static final long MADV_MERGEABLE = 12;

  private static final Pattern RETURNED = Pattern.compile("\\)\\s*= (?:-?\\d|0x|\\?)");

  private final TraceSet traces = new TraceSet();
  private final Processes processes = new Processes(traces);
  private final Map<String, Long> unread = new TreeMap<>();
  private @Nullable PendingRun last;
  private long lines;
  private long calls;
  private long foreign;
  private long withoutBeginning;
  private long mmioWithoutAddress;
  private long faultsWithoutAddress;
  private long unordered;
  private boolean ksm;
  private long rings;
  private long splices;
  private final Messages messages = new Messages();
  private StraceLine.@Nullable Torn torn;

  /** A KVM_RUN whose exit may be told by the line that follows. */
  private record PendingRun(int pid, LogCall call, String path) {}

  /** Creates an importer of one trace, which may lie in several files (strace -ff). */
  public StraceImport() {}

  /**
   * Reads the files of one trace.
   *
   * @throws IOException if one cannot be read
   * @throws LogSyntaxException if there is no line in a file that strace prints
   */
  public void read(List<LogSource> files) throws IOException {
    if (!SplitTrace.is(files)) {
      for (LogSource file : files) {
        read(file);
      }
      return;
    }
    var heads = new LinkedHashMap<LogSource, Head>();
    files.forEach(f -> heads.put(f, new Head()));
    boolean timed =
        SplitTrace.read(
            files,
            (file, pid, number, text) -> {
              long before = calls;
              StraceLine line = StraceLine.of(text);
              take(line, line.pid() == 0 ? pid : line.pid(), number);
              heads.getOrDefault(file, new Head()).saw(line, number, calls > before);
              unordered += pid == firstPid(files) ? 0 : calls - before;
            });
    unordered = timed ? 0 : unordered;
    settle();
    heads.forEach((file, head) -> head.check(file));
  }

  private static int firstPid(List<LogSource> files) {
    return SplitTrace.pid(files.getFirst());
  }

  /**
   * Reads a file.
   *
   * @throws IOException if it cannot be read
   * @throws LogSyntaxException if there is no line in it that strace prints
   */
  public void read(LogSource source) throws IOException {
    var head = new Head();
    int number = 0;
    try (BufferedReader in = source.opener().open()) {
      for (String text = in.readLine(); text != null; text = in.readLine()) {
        number++;
        long before = calls;
        StraceLine line = StraceLine.of(text);
        take(line, line.pid(), number);
        head.saw(line, number, calls > before);
      }
    }
    settleTorn(number);
    settle();
    head.check(source);
  }

  /** Whether a text is one of strace's, and where it begins not to be. */
  private static final class Head {
    private @Nullable String foreign;
    private int where;
    private boolean good;

    void saw(StraceLine line, int number, boolean call) {
      // The part of a thread that made no call holds its end and nothing else.
      good |= call || (line instanceof StraceLine.Remark r && r.text().startsWith("+"));
      if (line instanceof StraceLine.Foreign f && foreign == null) {
        foreign = f.text();
        where = number;
      }
    }

    void check(LogSource source) {
      if (!good) {
        throw new LogSyntaxException(
            source.name(),
            Math.max(where, 1),
            1,
            foreign == null ? "no call in the whole text" : "'" + shortened(foreign) + "'",
            "what strace -f -y prints: PID CALL(ARGUMENTS) = RESULT");
      }
    }
  }

  private static String shortened(String text) {
    return text.length() <= 40 ? text : text.substring(0, 40) + "…";
  }

  private void take(StraceLine line, int said, int number) {
    lines++;
    switch (line) {
      case StraceLine.Remark r -> remark(r, said);
      case StraceLine.Foreign f when torn != null && RETURNED.matcher(f.text()).find() ->
          rest(new StraceLine.Rest(f.pid(), f.text()), number);
      case StraceLine.Foreign _ -> foreign++;
      case StraceLine.VcpuState s -> state(s);
      case StraceLine.Rest r -> rest(r, number);
      case StraceLine.Torn t -> {
        settleTorn(number);
        torn = new StraceLine.Torn(processes.of(said, false), t.head());
      }
      case StraceLine.Unfinished u -> {
        settleTorn(number);
        processes.begins(processes.of(said, false), u.head());
      }
      case StraceLine.Resumed r -> {
        settleTorn(number);
        int pid = processes.of(said, true);
        String head = processes.ends(pid);
        if (head == null) {
          withoutBeginning++;
        } else {
          call(pid, head + r.tail(), number);
        }
      }
      case StraceLine.Call c -> {
        settleTorn(number);
        int pid = processes.of(said, false);
        if (RETURNED.matcher(c.text()).find()) {
          call(pid, c.text(), number);
        } else {
          // The program's own output, or the end of the text, may have torn it.
          torn = new StraceLine.Torn(pid, c.text());
        }
      }
    }
  }

  private void remark(StraceLine.Remark remark, int said) {
    if (remark.text().startsWith("+++ exited") || remark.text().startsWith("+++ killed")) {
      processes.ended(processes.of(said, true));
    }
  }

  /** A line goes on that was torn. */
  private void rest(StraceLine.Rest rest, int number) {
    StraceLine.Torn head = torn;
    torn = null;
    if (head == null) {
      foreign++;
    } else if (rest.text().startsWith("<")) {
      processes.begins(head.pid(), head.head());
    } else {
      call(head.pid(), head.head() + rest.text(), number);
    }
  }

  /** Nothing went on with a line that was torn. */
  private void settleTorn(int number) {
    StraceLine.Torn head = torn;
    torn = null;
    if (head != null) {
      call(head.pid(), head.head(), number);
    }
  }

  private void call(int pid, String told, int number) {
    calls++;
    String name = told.substring(0, told.indexOf('('));
    String text = READ.contains(name) ? ArgumentNames.without(told) : told;
    if (Processes.makes(text)) {
      processes.made(pid, text);
    }
    if (Messages.mayHandOver(name)) {
      messages.take(name, text, traces.of(pid));
    }
    if (!READ.contains(name)) {
      hidden(name);
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
      unread(pid, name, text, call != null);
      return;
    }
    switch (name) {
      case "execve", "execveat" -> {
        if (!call.result().isError()) {
          traces.executed(pid);
        }
      }
      default -> {}
    }
    call = named(call);
    ksm |= name.equals("madvise") && !call.result().isError() && isMerge(call);
    if (isRun(call)) {
      settle();
      last = new PendingRun(pid, call, path);
    } else {
      settle();
      traces
          .of(pid)
          .add(new TracedCall(call, path, name.equals("mmap") ? Decorations.ofMapped(text) : ""));
    }
  }

  /** Counts what a trace cannot tell. */
  private void hidden(String name) {
    switch (name) {
      case "io_uring_enter" -> rings++;
      case "vmsplice" -> splices++;
      default -> {}
    }
  }

  /** A line that matters, perhaps, and cannot be read; a call that never returned is no loss. */
  private void unread(int pid, String name, String text, boolean neverReturned) {
    ProcessTrace process = traces.of(pid);
    process.skipped();
    if (neverReturned) {
      return;
    }
    FileKind kind = FileKind.ofPath(Decorations.ofFirstArgument(text));
    if (kind == null) {
      kind = process.kindOf(Decorations.numberAt(text, text.indexOf('(') + 1));
    }
    boolean ofMemory = MEMORY.contains(name);
    if (ofMemory || (kind == null ? name.equals("ioctl") : kind != FileKind.OTHER)) {
      unread.merge(name, 1L, Long::sum);
    }
  }

  /** Under -X raw a request is a number. */
  private static LogCall named(LogCall call) {
    if (!call.name().equals("ioctl")
        || call.args().size() < 2
        || !(call.args().get(1) instanceof Value.Num request)) {
      return call;
    }
    String name = RequestNames.of(request.value());
    if (name == null) {
      return call;
    }
    var args = new ArrayList<>(call.args());
    args.set(1, new Value.Sym(name));
    return call.withArgs(List.copyOf(args));
  }

  private static boolean isRun(LogCall call) {
    return call.name().equals("ioctl")
        && call.args().size() > 1
        && "KVM_RUN".equals(Symbols.ioctlName(call.args().get(1)));
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

  /** What the trace says of the machine: little, and only by its answers. */
  private LogCall header() {
    var fields = new ArrayList<Value.Field>();
    if (ksm) {
      fields.add(Value.Field.of("core.ksm", Value.Num.of(1)));
    }
    // The program lay where it lay, and so did its [vvar].
    fields.add(Value.Field.of("core.vvar", Value.Num.of(0)));
    fields.add(Value.Field.of("recorder", new Value.Str("strace", false)));
    return Calls.call("host_config", new Value.Struct(List.copyOf(fields)))
        .withResult(LogResult.of(Value.Num.of(0)));
  }

  private static boolean isMerge(LogCall madvise) {
    Long advice = madvise.args().size() > 2 ? Symbols.number(madvise.args().get(2)) : null;
    return advice != null && advice == MADV_MERGEABLE;
  }

  private Map<String, Long> lost() {
    var lost = new LinkedHashMap<String, Long>();
    traces.undecoded().forEach((name, n) -> lost.put(name + ": an address, not the structure", n));
    unread.forEach((name, n) -> lost.put(name + ": a line that cannot be read", n));
    put(lost, "KVM_EXIT_MMIO without its address", mmioWithoutAddress);
    put(lost, "KVM_RUN = EFAULT without its exit", faultsWithoutAddress);
    put(lost, "calls whose beginning is not in the trace", withoutBeginning);
    put(lost, "calls whose end is not in the trace", processes.unended());
    put(lost, "descriptors from other processes that name nobody knows what", messages.unknown());
    put(lost, "vmsplice: what was in the pages, not where they are", splices);
    put(lost, "io_uring_enter: what it did is not in a trace", rings);
    put(lost, "calls of threads in no known order (strace -ff without -ttt -T)", unordered);
    put(lost, "lines that strace does not print", foreign);
    return lost;
  }

  private static void put(Map<String, Long> into, String what, long count) {
    if (count > 0) {
      into.put(what, count);
    }
  }
}
