package dev.cocovisor.script.scenario;

import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.view.Strip;
import dev.cocovisor.script.call.Answers;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.text.LogCall;
import java.util.List;

/** Watches one program: what each of its lines answered, caused and left behind. */
public final class SessionWatch {
  private final StepRecorder recorder = new StepRecorder();
  private final Session session;
  private final VmWatch vms;
  private final boolean onlyAnswers;

  /** Makes a session that tells what happens to a sink. */
  @FunctionalInterface
  public interface Begins {
    /** Returns the session. */
    Session with(TraceSink trace);
  }

  /** Begins to watch a session, of which no line was carried out. */
  public SessionWatch(Begins begins) {
    this(begins, false);
  }

  /**
   * Begins to watch a session, of which no line was carried out.
   *
   * @param onlyAnswers whether steps tell no more than what they answered, as in programs of a
   *     million lines: what the tables of the host say after each costs more than the step
   */
  SessionWatch(Begins begins, boolean onlyAnswers) {
    this.onlyAnswers = onlyAnswers;
    session = begins.with(onlyAnswers ? TraceSink.OFF : recorder);
    vms = new VmWatch(session);
  }

  /** Returns the session. */
  public Session session() {
    return session;
  }

  /**
   * Returns what a line did; to be called after each line that was carried out.
   *
   * @param program its program's number
   */
  public ScenarioStep done(int program, ScenarioLine line, Reply reply) {
    LogCall call = line.call();
    LogCall stated = call.withResult(line.expected(session.technology()));
    List<ScenarioStep.Happened> happened = recorder.take();
    List<VmCounters> counters = vms.counters(line.step(), reply, !onlyAnswers);
    return new ScenarioStep(
        program,
        line.step(),
        call,
        reply.answer(call),
        Answers.unmet(stated, reply),
        Answers.got(call, reply),
        stated.result() != null,
        happened,
        counters,
        onlyAnswers || (happened.isEmpty() && isTraced(line.step())) ? List.of() : vms.ownership(),
        onlyAnswers ? ScenarioStep.Tables.NONE : vms.tables());
  }

  /** Tells whether a step changes the owner of a frame by what is traced only: hooks and calls. */
  private static boolean isTraced(Step step) {
    return switch (step) {
      case Step.Read _, Step.Write _, Step.Peek _, Step.Poke _, Step.Stats _ -> true;
      default -> false;
    };
  }

  /** Returns what the tables of the host say now. */
  public List<Strip> state() {
    return vms.state();
  }
}
