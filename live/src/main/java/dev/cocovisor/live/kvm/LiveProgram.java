package dev.cocovisor.live.kvm;

import dev.cocovisor.core.host.PageStats;
import dev.cocovisor.live.agent.AgentException;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.call.Calls;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.call.Words;
import dev.cocovisor.script.scenario.LogHabits;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.scenario.UnwrittenSizes;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One program on this machine's kernel: its lines in order, each with what the kernel answered.
 *
 * <p>What the log's recorder left out of its log is done and written here: the size of a file, the
 * closing of a VM's vCPUs. Page counters are written whenever they changed, as recordings do.
 */
final class LiveProgram {
  /** Takes what happened, in order. */
  interface Sink {
    /** A call was made; {@code source} is the line of the log it came from. */
    void answered(LogCall call, int source);

    /** A call was passed over. */
    void passedOver(LogCall call, String why);

    /** A call did not return, which ends the program. */
    void hung(LogCall call, String how);
  }

  private final Machine machine;
  private final LiveOptions options;
  private final List<ScenarioLine> lines;
  private final LogHabits habits;
  private final UnwrittenSizes sizes;
  private final Words words;
  private final Sink sink;
  private final Map<Long, PageStats> printed = new HashMap<>();

  /** vCPUs whose guests wait for the answer to a hypercall: their recorder is inside that call. */
  private final Set<Long> waiting = new HashSet<>();

  LiveProgram(
      Machine machine,
      LiveOptions options,
      List<ScenarioLine> lines,
      LogHabits habits,
      Words words,
      Sink sink) {
    this.machine = machine;
    this.options = options;
    this.lines = lines;
    this.habits = habits;
    this.words = words;
    this.sink = sink;
    habits.read(lines);
    this.sizes = new UnwrittenSizes(lines);
  }

  void run() {
    try (var process = new LiveProcess(machine, words, options.timeoutMillis())) {
      process.endsAfter(options.timeoutMillis() / 1000 + 60);
      for (int i = 0; i < lines.size(); i++) {
        LogCall call = lines.get(i).call();
        try {
          step(process, i);
        } catch (Unsupported e) {
          sink.passedOver(call, String.valueOf(e.getMessage()));
        } catch (AgentException e) {
          sink.hung(call, String.valueOf(e.getMessage()));
          return;
        }
      }
    }
  }

  private void step(LiveProcess process, int index) {
    ScenarioLine line = lines.get(index);
    LogCall written = line.call();
    if (!(line.step() instanceof Step.Call(KvmCall call))) {
      throw new Unsupported(written.name() + ": a step of a scenario");
    }
    if (call instanceof KvmCall.HostSetup || call instanceof KvmCall.Stats) {
      return; // This machine's own are written instead.
    }
    LogResult expected = written.result();
    boolean made = expected == null || !expected.isError();
    if (call instanceof KvmCall.CreateVm c && options.asType() >= 0 && made) {
      LogCall other = options.retyped(written);
      answer(
          process, other, written.line(), new KvmCall.CreateVm(c.fd(), options.asType()), expected);
      return;
    }
    if (call instanceof KvmCall.Close c) {
      for (long vcpu : habits.goWithVm(process.vcpusOf(c.fd()), lines, index)) {
        LogCall before = Calls.call("close", Calls.fd(vcpu));
        answer(process, before, written.line(), new KvmCall.Close(vcpu), null);
      }
    }
    if (call instanceof KvmCall.Mmap m && sizes.at(index) > 0) {
      LogCall before = Calls.call("ftruncate", Calls.fd(m.fd()), Calls.hex(sizes.at(index)));
      answer(process, before, written.line(), new KvmCall.Ftruncate(m.fd(), sizes.at(index)), null);
    }
    answer(process, written, written.line(), call, expected);
  }

  private void answer(
      LiveProcess process,
      LogCall written,
      int source,
      KvmCall call,
      @Nullable LogResult expected) {
    Reply reply = process.run(call, expected);
    sink.answered(reply.answer(written), source);
    if (call instanceof KvmCall.GuestRun g) {
      LogResult.Exit exit = reply.result().exit();
      if (exit != null && exit.reason().equals("KVM_EXIT_HYPERCALL")) {
        waiting.add(g.fd());
      } else {
        waiting.remove(g.fd());
      }
    }
    if (waiting.isEmpty()) {
      counters(process, source);
    }
  }

  private void counters(LiveProcess process, int source) {
    for (long vm : process.counted()) {
      PageStats now = process.stats(vm);
      if (now != null && !now.equals(printed.put(vm, now))) {
        LogResult result = LogResult.of(CallRunner.statsValue(now));
        sink.answered(Calls.call("kvm_stats", Calls.fd(vm)).withResult(result), source);
      }
    }
  }
}
