package dev.cocovisor.script.replay;

import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.host.HostCounters;
import dev.cocovisor.core.host.PageStats;
import dev.cocovisor.script.call.Answers;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.scenario.LogHabits;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.script.scenario.Session;
import dev.cocovisor.script.scenario.SessionWatch;
import dev.cocovisor.script.scenario.Standstill;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.scenario.StepFailure;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.vmm.Technologies;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Replays one program and reports answers that differ.
 *
 * <p>Page counters follow a rule of their own: a recorder prints a VM's counters whenever a call
 * changed them, so besides the printed numbers their silence is compared too. While a guest waits
 * for the answer to its hypercall the recorder is inside that call, and prints once it has resumed.
 */
final class ProgramReplay {
  private final String file;
  private final int number;
  private final List<ScenarioLine> lines;
  private final Technologies technologies;
  private final Map<String, String> settings;
  private final LogHabits habits;
  private final @Nullable Observed observed;
  private final Predicate<Mismatch> sink;
  private final Map<Long, PageStats> printed = new LinkedHashMap<>();

  /** What {@code host_counters} printed last. */
  private @Nullable HostCounters counted;

  private int standstills;

  private int raced;

  /** vCPUs whose guests wait for the answer to a hypercall. */
  private final Set<Long> waiting = new HashSet<>();

  /**
   * Prepares a replay.
   *
   * @param settings settings of the host that win over the log's
   * @param habits what the programs before it in the same log showed
   * @param observed how to judge the program if a real one was watched; else null
   * @param sink takes a mismatch and tells whether to go on
   */
  ProgramReplay(
      String file,
      int number,
      List<ScenarioLine> lines,
      Technologies technologies,
      Map<String, String> settings,
      LogHabits habits,
      @Nullable Observed observed,
      Predicate<Mismatch> sink) {
    this.observed = observed;
    this.habits = habits;
    this.file = file;
    this.number = number;
    this.lines = lines;
    this.technologies = technologies;
    this.settings = settings;
    this.sink = sink;
  }

  /** Returns how many mismatches are vCPUs that stood still until the budget ended it. */
  int standstills() {
    return standstills;
  }

  /** Returns how many answers differ that the log says another's doing made. */
  int raced() {
    return raced;
  }

  private boolean racedAt(int index) {
    return index + 1 < lines.size() && lines.get(index + 1).step() instanceof Step.Raced;
  }

  /** Replays the program; returns whether to go on with the next. */
  boolean run(KvmLogReplayer.@Nullable Watcher watcher) {
    SessionWatch.Begins begins =
        trace -> new Session(file, lines, technologies, null, settings, habits, trace);
    if (watcher == null) {
      try (Session session = begins.with(TraceSink.OFF)) {
        return run(session, (_, _) -> {});
      }
    }
    var watch = new SessionWatch(begins);
    try (Session session = watch.session()) {
      return run(
          session,
          (line, reply) -> watcher.step(number, watch.done(number, line, reply), watch::state));
    }
  }

  private boolean run(Session session, BiConsumer<ScenarioLine, Reply> told) {
    for (int i = 0; i < lines.size(); i++) {
      ScenarioLine line = lines.get(i);
      boolean stats =
          line.step() instanceof Step.Call(KvmCall.Stats _)
              || line.step() instanceof Step.Call(KvmCall.Counters _);
      if (!stats && i > 0 && !silent(session, lines.get(i - 1).call())) {
        return false;
      }
      LogCall call = line.call();
      Reply reply;
      if (observed != null) {
        Observed.Answer answer = answer(session, observed, i);
        if (answer == null) {
          continue;
        }
        reply = answer.reply();
        call = answer.stated();
      } else {
        reply = step(session, i);
        if (reply == null) {
          continue;
        }
        call = call.withResult(line.expected(session.technology()));
      }
      told.accept(line, reply);
      if (line.step() instanceof Step.Call(KvmCall.Stats(long vm))) {
        remember(session, vm);
      } else if (line.step() instanceof Step.Call(KvmCall.Counters _)) {
        counted = HostCounters.of(session.process());
      } else if (line.step() instanceof Step.Call(KvmCall.GuestRun run)) {
        waits(run.fd(), reply);
      }
      String expected = Answers.unmet(call, reply);
      if (expected != null && racedAt(i)) {
        raced++;
        continue;
      }
      Standstill stuck = session.standstill();
      if (expected == null) {
        continue;
      }
      String got = Answers.got(call, reply);
      if (stuck != null) {
        standstills++;
        got += "; " + stuck.getMessage();
      }
      if (!report(call, expected, got)) {
        return false;
      }
    }
    return lines.isEmpty() || silent(session, lines.getLast().call());
  }

  private @Nullable Reply step(Session session, int index) {
    try {
      return session.step(index);
    } catch (LogSyntaxException e) {
      throw e;
    } catch (RuntimeException | AssertionError e) {
      throw new StepFailure(file, lines.get(index).call(), e);
    }
  }

  private Observed.@Nullable Answer answer(Session session, Observed by, int index) {
    ScenarioLine line = lines.get(index);
    try {
      return by.step(session, index, line);
    } catch (LogSyntaxException e) {
      throw e;
    } catch (RuntimeException | AssertionError e) {
      throw new StepFailure(file, line.call(), e);
    }
  }

  private void waits(long vcpu, Reply reply) {
    LogResult.Exit exit = reply.result().exit();
    if (exit != null && exit.reason().equals("KVM_EXIT_HYPERCALL")) {
      waiting.add(vcpu);
    } else {
      waiting.remove(vcpu);
    }
  }

  private void remember(Session session, long vm) {
    PageStats now = stats(session, vm);
    if (now != null) {
      printed.put(vm, now);
    }
  }

  private static @Nullable PageStats stats(Session session, long vm) {
    return session.process().stats(session.fds().of(vm));
  }

  /** Checks that no counter moved at a call after which the log prints none. */
  private boolean silent(Session session, LogCall call) {
    if (!waiting.isEmpty()) {
      return true;
    }
    if (!silentHost(session, call)) {
      return false;
    }
    for (Map.Entry<Long, PageStats> e : printed.entrySet()) {
      PageStats now = stats(session, e.getKey());
      if (now == null || now.equals(e.getValue())) {
        continue;
      }
      String was = LogWriter.value(CallRunner.statsValue(e.getValue()));
      e.setValue(now);
      if (!report(
          call,
          "page counters stay " + was,
          "kvm_stats(" + e.getKey() + ") = " + LogWriter.value(CallRunner.statsValue(now)))) {
        return false;
      }
    }
    return true;
  }

  private boolean silentHost(Session session, LogCall call) {
    HostCounters was = counted;
    HostCounters now = was == null ? null : HostCounters.of(session.process());
    if (was == null || now == null || now.equals(was)) {
      return true;
    }
    counted = now;
    return report(
        call,
        "host counters stay " + LogWriter.value(CallRunner.countersValue(was)),
        "host_counters() = " + LogWriter.value(CallRunner.countersValue(now)));
  }

  private boolean report(LogCall call, String expected, String got) {
    return sink.test(
        Mismatch.in(file, call.line())
            .withProgram(number)
            .withCall(LogWriter.callOnly(call))
            .withAnswers(expected, got));
  }
}
