package dev.cocovisor.core.log;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.trace.TraceSink;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** One program on a host of its own: carries out its calls in order. */
final class CallSession {
  private final String file;
  private final List<LogCall> program;
  private final HostSetup setup;
  private final TraceSink trace;
  private final Descriptors fds = new Descriptors();
  private @Nullable CallRunner runner;

  /**
   * Prepares a program.
   *
   * @param file the log's name, for errors
   * @param program all its calls, which tell what host it needs
   */
  CallSession(String file, List<LogCall> program, List<Backend> available, TraceSink trace) {
    this.file = file;
    this.program = program;
    this.trace = trace;
    this.setup = new HostSetup(available);
    program.forEach(setup::look);
  }

  /** Carries out the program's call of this index. */
  Reply step(int index) {
    LogCall call = program.get(index);
    KvmCall typed = CallDecoder.decode(file, call);
    try {
      if (typed instanceof KvmCall.HostSetup host && runner == null) {
        setup.apply(host.fields());
        return Reply.of(LogResult.of(Value.Num.of(0)));
      }
      CallRunner r = runner();
      List<Long> left = typed instanceof KvmCall.Close c ? idleVcpus(c.fd(), index) : List.of();
      Reply reply = r.run(typed, call.result());
      r.closeAll(left);
      return reply;
    } catch (IllegalArgumentException e) {
      // A vendor's command lacks a field, or a setting is out of range: the line is wrong.
      throw new LogSyntaxException(
          file,
          call.line(),
          call.columnOf(0),
          String.valueOf(e.getMessage()),
          "what " + call.name() + " takes");
    }
  }

  /** Returns the runner, which boots the host on first use. */
  CallRunner runner() {
    CallRunner r = runner;
    if (r == null) {
      r = new CallRunner(setup.boot(trace).newProcess(), fds);
      runner = r;
    }
    return r;
  }

  Descriptors fds() {
    return fds;
  }

  /**
   * Returns the vCPUs that go with a VM's descriptor: a recorder closes a VM's descriptors by one
   * line, while a trace of a real program closes each, or goes on using it.
   */
  private List<Long> idleVcpus(long vm, int index) {
    List<Long> vcpus = fds.vcpusOf(vm);
    if (vcpus.isEmpty()) {
      return vcpus;
    }
    Set<Long> used = new HashSet<>();
    for (LogCall later : program.subList(index + 1, program.size())) {
      if (!later.args().isEmpty() && later.args().getFirst() instanceof Value.Num n) {
        used.add(n.value());
      }
    }
    return vcpus.stream().filter(v -> !used.contains(v)).toList();
  }
}
