package dev.cocovisor.live.trace;

import dev.cocovisor.live.log.FileKind;
import dev.cocovisor.live.log.TraceSet;
import dev.cocovisor.live.log.TracedCall;
import dev.cocovisor.script.call.Calls;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Records a program and its children until the last of them ends. One thread makes the object, runs
 * it and writes the log; {@link #stop} alone may come from another.
 */
public final class Recorder implements AutoCloseable {
  private static final int SYSCALL_STOP = Ptrace.SIGTRAP | 0x80;

  private final Ptrace ptrace = new Ptrace();
  private final CallReader reader = new CallReader(ptrace);
  private final TraceSet traces = new TraceSet();
  private final Map<Integer, Tracee> threads = new HashMap<>();
  private @Nullable TouchTrace touches;
  private volatile int root;
  private boolean attached;
  private volatile boolean stopping;
  private boolean wantsFilter;
  private long stops;
  private long touched;
  private int exitStatus;

  /** Creates a recorder of nothing yet. */
  public Recorder() {}

  /**
   * Starts a command and records it.
   *
   * @param filter whether to stop it only at calls that matter, where that can be had
   * @param touches whether to record what its guests touch, where that can be read
   * @return false if it cannot be started or traced
   */
  public boolean run(List<String> command, boolean filter, boolean touches) {
    int pid = ptrace.spawnStopped(command);
    if (pid < 0 || !awaitStopped(pid) || ptrace.seize(pid, true) < 0) {
      return false;
    }
    root = pid;
    wantsFilter = filter;
    begin(new Tracee(pid, new Tracee.Shared(pid)));
    if (touches) {
      this.touches = TouchTrace.open(pid);
    }
    ptrace.interrupt(pid);
    ptrace.kill(pid, Ptrace.SIGCONT);
    loop();
    return true;
  }

  /** Waits until a process that stops itself has done so; false if it never does. */
  private static boolean awaitStopped(int pid) {
    for (int i = 0; i < 5_000; i++) {
      try {
        String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
        if (stat.startsWith("T", stat.lastIndexOf(')') + 2)) {
          return true;
        }
        Thread.sleep(1);
      } catch (IOException _) {
        return false;
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
        return false;
      }
    }
    return false;
  }

  /**
   * Records a process that runs already, from now until it ends or {@link #stop}.
   *
   * @return false if it cannot be traced
   */
  public boolean attach(int pid, boolean touches) {
    List<Integer> tids = tids(pid);
    var shared = new Tracee.Shared(pid);
    attached = true;
    root = pid;
    for (int tid : tids) {
      if (ptrace.seize(tid, false) < 0) {
        continue;
      }
      if (tid != pid) {
        traces.thread(pid, tid);
      }
      begin(new Tracee(tid, shared));
      ptrace.interrupt(tid);
    }
    if (threads.isEmpty()) {
      return false;
    }
    open(pid);
    if (touches) {
      this.touches = TouchTrace.open(pid);
    }
    loop();
    return true;
  }

  private static List<Integer> tids(int pid) {
    try (Stream<Path> all = Files.list(Path.of("/proc/" + pid + "/task"))) {
      return all.map(p -> Integer.parseInt(p.getFileName().toString())).sorted().toList();
    } catch (IOException _) {
      return List.of();
    }
  }

  /** What the process has open. */
  private void open(int pid) {
    try (Stream<Path> all = Files.list(Path.of("/proc/" + pid + "/fd"))) {
      for (Path p : all.toList()) {
        FileKind kind = FileKind.ofPath(Files.readSymbolicLink(p).toString());
        if (kind != null) {
          traces
              .of(pid)
              .arrived(Long.parseLong(p.getFileName().toString()), kind, "open before the log");
        }
      }
    } catch (IOException _) {
      // The process is ending.
      return;
    }
  }

  private void begin(Tracee t) {
    threads.put(t.tid, t);
    var _ = traces.of(t.tid);
  }

  /** Ends the recording: what was started is ended, what was attached to is let go. */
  public void stop() {
    stopping = true;
    int pid = root;
    if (pid > 0) {
      ProcessHandle.of(pid).ifPresent(attached ? _ -> {} : ProcessHandle::destroy);
    }
  }

  /** Returns how often a thread was stopped. */
  public long stops() {
    return stops;
  }

  /** Returns how many accesses of guests were seen. */
  public long touches() {
    return touched;
  }

  /** Returns how the command ended: its exit code, or 128 and the signal's number. */
  public int exitStatus() {
    return exitStatus;
  }

  /** Tells whether what guests touch could be read. */
  public boolean seesTouches() {
    return touches != null;
  }

  /** Returns the processes that were recorded. */
  public TraceSet traces() {
    return traces;
  }

  private void loop() {
    while (!threads.isEmpty()) {
      int tid = ptrace.await();
      if (tid < 0) {
        break;
      }
      int status = ptrace.status();
      if ((status & 0x7f) != 0x7f) {
        ended(tid, status);
        continue;
      }
      stops++;
      stopped(tid, status);
    }
    drain();
  }

  private void ended(int tid, int status) {
    threads.remove(tid);
    if (tid == root) {
      exitStatus = (status & 0x7f) == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f);
    }
  }

  private void stopped(int tid, int status) {
    Tracee t = threads.computeIfAbsent(tid, Recorder::unannounced);
    int signal = status >> 8 & 0xff;
    int event = status >> 16 & 0xff;
    if (attached && stopping) {
      ptrace.detach(tid);
      threads.remove(tid);
      letGo();
      return;
    }
    if (signal == SYSCALL_STOP) {
      syscall(t);
      return;
    }
    switch (event) {
      case Ptrace.EVENT_SECCOMP -> {
        drain();
        if (ptrace.syscallInfo(tid) == Ptrace.SECCOMP) {
          entry(t);
        }
        // On to the call's end if somebody wants to see it.
        ptrace.resume(tid, t.call != null, 0);
      }
      case Ptrace.EVENT_FORK, Ptrace.EVENT_VFORK, Ptrace.EVENT_CLONE -> {
        child(t, ptrace.newChild(tid));
        goOn(t, 0);
      }
      case Ptrace.EVENT_EXEC -> {
        traces.executed(tid);
        t.shared = new Tracee.Shared(tid);
        t.call = null;
        ptrace.resume(tid, !t.filtered, 0);
      }
      case Ptrace.EVENT_STOP -> {
        boolean group = signal != Ptrace.SIGTRAP;
        if (group && signal != Ptrace.SIGCONT) {
          ptrace.listen(tid);
        } else {
          goOn(t, 0);
        }
      }
      default -> goOn(t, signal == Ptrace.SIGTRAP ? 0 : signal);
    }
  }

  /** A child may stop before its parent tells of it. */
  private static Tracee unannounced(int tid) {
    return new Tracee(tid, new Tracee.Shared(tid));
  }

  private void letGo() {
    for (int other : threads.keySet()) {
      ptrace.interrupt(other);
    }
  }

  /** Lets a thread run to its next stop: its call's end, or the next call. */
  private void goOn(Tracee t, int signal) {
    ptrace.resume(t.tid, !t.filtered || t.call != null, signal);
  }

  private void child(Tracee parent, int tid) {
    boolean thread = Files.exists(Path.of("/proc/" + parent.shared.pid + "/task/" + tid));
    Tracee child = threads.computeIfAbsent(tid, Recorder::unannounced);
    child.filtered = parent.filtered;
    if (thread) {
      child.shared = parent.shared;
      traces.thread(parent.tid, tid);
    } else {
      child.shared = parent.shared.copy(tid);
      traces.forked(parent.tid, tid);
    }
  }

  private void syscall(Tracee t) {
    drain();
    int what = ptrace.syscallInfo(t.tid);
    if (what == Ptrace.EXIT) {
      if (t.call != null) {
        reader.ends(t, ptrace.result(), traces.of(t.tid));
      }
    } else if (what == Ptrace.ENTRY) {
      boolean x86 = ptrace.architecture() == SystemCall.AUDIT_ARCH_X86_64;
      if (wantsFilter && !t.filtered && x86 && t.tid == root) {
        // Children and later programs inherit it.
        t.filtered = new SeccompFilter(ptrace).install(t.tid);
        wantsFilter = t.filtered;
        if (ptrace.syscallInfo(t.tid) != Ptrace.ENTRY) {
          goOn(t, 0);
          return;
        }
      }
      entry(t);
    }
    goOn(t, 0);
  }

  private void entry(Tracee t) {
    t.call = SystemCall.of(ptrace.architecture(), ptrace.number());
    for (int i = 0; i < t.args.length; i++) {
      t.args[i] = ptrace.argument(i);
    }
    reader.begins(t, traces.of(t.tid));
  }

  /** What guests touched before the stop stands before the call that stopped. */
  private void drain() {
    TouchTrace from = touches;
    if (from != null) {
      from.drain(this::touched);
    }
  }

  private void touched(int tid, long gpa, boolean write) {
    Tracee t = threads.get(tid);
    if (t == null || t.vcpu < 0) {
      return;
    }
    touched++;
    var fields = new ArrayList<Value.Field>();
    fields.add(Value.Field.of("gpa", Value.Num.hex(gpa)));
    if (write) {
      fields.add(Value.Field.of("value", Value.Num.of(1)));
    }
    LogCall call =
        Calls.call(
                write ? "guest_write" : "guest_read",
                Calls.fd(t.vcpu),
                new Value.Struct(List.copyOf(fields)))
            .withResult(LogResult.of(Value.Num.of(0)));
    traces.of(tid).add(new TracedCall(call, "", ""));
  }

  @Override
  public void close() {
    TouchTrace from = touches;
    if (from != null) {
      from.close();
    }
    ptrace.close();
  }
}
