package dev.cocovisor.script.scenario;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.script.call.CallArgs;
import dev.cocovisor.script.call.CallDecoder;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.call.Descriptors;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import dev.cocovisor.vmm.VmmDrivers;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One program on a host of its own: carries out its calls in order.
 *
 * <p>Two lines steer instead of calling: {@code backends(["tdx", …])} names the technologies that a
 * scenario is for, and {@code on(["tdx"])} makes the lines up to the next {@code on} count for some
 * of them only ({@code on()}: for all again). {@code expect({tdx="-1 EIO", …})} says what the call
 * before it answers, technology by technology; {@link Scenario} looks at it.
 */
public final class CallSession {
  private final String file;
  private final List<LogCall> program;
  private final HostSetup setup;
  private final TraceSink trace;
  private final VmmDrivers drivers;
  private final Descriptors fds = new Descriptors();
  private final @Nullable String forced;
  private List<String> scenarioFor = List.of();
  private List<String> only = List.of();
  private @Nullable CallRunner runner;
  private @Nullable VmmSteps vmm;
  private @Nullable HostSteps host;

  /**
   * Prepares a program.
   *
   * @param file the log's name, for errors
   * @param program all its calls, which tell what host it needs
   * @param backend the technology to use, or null for what the program asks for
   */
  public CallSession(
      String file,
      List<LogCall> program,
      List<Backend> available,
      VmmDrivers drivers,
      @Nullable String backend,
      TraceSink trace) {
    this.file = file;
    this.program = program;
    this.trace = trace;
    this.drivers = drivers;
    this.forced = backend;
    this.setup = new HostSetup(available);
    if (backend != null) {
      setup.want(backend);
    }
    program.forEach(setup::look);
  }

  /** Carries out the program's call of this index; null if it is not for this technology. */
  public @Nullable Reply step(int index) {
    LogCall call = program.get(index);
    try {
      return step(call, index);
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

  private @Nullable Reply step(LogCall call, int index) {
    var args = new CallArgs(file, call);
    switch (call.name()) {
      case "backends" -> {
        scenarioFor = args.names(0);
        return ok();
      }
      case "expect" -> {
        return null;
      }
      case "on" -> {
        only = args.names(0);
        return ok();
      }
      default -> {
        if (!only.isEmpty() && !only.contains(backend())) {
          return null;
        }
      }
    }
    if (VmmSteps.NAMES.contains(call.name())) {
      return vmm().run(call.name(), args);
    }
    if (HostSteps.NAMES.contains(call.name())) {
      vmm();
      return hostSteps().run(call.name(), args);
    }
    KvmCall typed = CallDecoder.decode(file, call);
    if (typed instanceof KvmCall.HostSetup host && runner == null) {
      setup.apply(host.fields());
      return ok();
    }
    CallRunner r = runner();
    List<Long> left = typed instanceof KvmCall.Close c ? idleVcpus(c.fd(), index) : List.of();
    Reply reply = r.run(typed, call.result());
    r.closeAll(left);
    return reply;
  }

  private static Reply ok() {
    return Reply.of(LogResult.of(Value.Num.of(0)));
  }

  /** Returns the id of the technology in use. */
  public String backend() {
    if (forced != null) {
      return forced;
    }
    String first = setup.first();
    if (first != null) {
      return first;
    }
    return scenarioFor.isEmpty() ? VmmDrivers.BUILT_IN : scenarioFor.getFirst();
  }

  private VmmSteps vmm() {
    VmmSteps steps = vmm;
    if (steps == null) {
      if (runner == null) {
        setup.want(backend());
      }
      steps = new VmmSteps(runner().process(), drivers.of(backend()));
      vmm = steps;
    }
    return steps;
  }

  private HostSteps hostSteps() {
    HostSteps steps = host;
    if (steps == null) {
      steps = new HostSteps(runner().process().kvm());
      host = steps;
    }
    return steps;
  }

  /** Returns the descriptors of the VMs launched by steps; -1 for those gone. */
  public List<Integer> launched() {
    return vmm == null ? List.of() : vmm.vmFds();
  }

  /** Returns the runner, which boots the host on first use. */
  public CallRunner runner() {
    CallRunner r = runner;
    if (r == null) {
      r = new CallRunner(new KvmProcess(setup.boot(trace)), fds);
      runner = r;
    }
    return r;
  }

  public Descriptors fds() {
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
