package dev.cocovisor.script.replay;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.host.PageStats;
import dev.cocovisor.script.call.Answers;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.call.Symbols;
import dev.cocovisor.script.scenario.CallSession;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.vmm.VmmDrivers;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Replays one program and reports answers that differ.
 *
 * <p>Page counters follow a rule of their own: a recorder prints a VM's counters whenever a call
 * changed them, so besides the printed numbers their silence is compared too.
 */
final class ProgramReplay {
  private final String file;
  private final int number;
  private final List<LogCall> calls;
  private final CallSession session;
  private final Predicate<Mismatch> sink;
  private final Map<Long, PageStats> printed = new LinkedHashMap<>();

  /**
   * Prepares a replay.
   *
   * @param sink takes a mismatch and tells whether to go on
   */
  ProgramReplay(
      String file,
      int number,
      List<LogCall> calls,
      List<Backend> available,
      VmmDrivers drivers,
      Predicate<Mismatch> sink) {
    this.file = file;
    this.number = number;
    this.calls = calls;
    this.session = new CallSession(file, calls, available, drivers, null, TraceSink.OFF);
    this.sink = sink;
  }

  /** Replays the program; returns whether to go on with the next. */
  boolean run() {
    for (int i = 0; i < calls.size(); i++) {
      LogCall call = calls.get(i);
      boolean stats = call.name().equals("kvm_stats");
      if (!stats && i > 0 && !silent(calls.get(i - 1))) {
        return false;
      }
      @Nullable Reply reply;
      try {
        reply = session.step(i);
      } catch (dev.cocovisor.api.log.LogSyntaxException e) {
        throw e;
      } catch (RuntimeException | AssertionError e) {
        throw new IllegalStateException(file + ":" + call.line() + ": " + call + ": " + e, e);
      }
      if (reply == null) {
        continue;
      }
      if (stats) {
        remember(call);
      }
      String expected = Answers.unmet(call, reply);
      if (expected != null && !report(call, expected, Answers.got(call, reply))) {
        return false;
      }
    }
    return calls.isEmpty() || silent(calls.getLast());
  }

  private void remember(LogCall call) {
    Long vm = Symbols.number(call.args().getFirst());
    PageStats now = vm == null ? null : stats(vm);
    if (vm != null && now != null) {
      printed.put(vm, now);
    }
  }

  private @Nullable PageStats stats(long vm) {
    return session.runner().process().stats(session.fds().of(vm));
  }

  /** Checks that no counter moved at a call after which the log prints none. */
  private boolean silent(LogCall call) {
    for (Map.Entry<Long, PageStats> e : printed.entrySet()) {
      PageStats now = stats(e.getKey());
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

  private boolean report(LogCall call, String expected, String got) {
    return sink.test(
        Mismatch.in(file, call.line())
            .withProgram(number)
            .withCall(LogWriter.callOnly(call))
            .withAnswers(expected, got));
  }
}
