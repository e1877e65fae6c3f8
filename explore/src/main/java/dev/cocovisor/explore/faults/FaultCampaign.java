package dev.cocovisor.explore.faults;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.sched.Actor;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.explore.Schedule;
import dev.cocovisor.script.call.Answers;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.scenario.LogHabits;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.script.scenario.Session;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.vmm.Technologies;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Every allocation and every call into a trusted half of one scenario fails, one a run; then two of
 * them, the second in the step of the first or in its repetition.
 *
 * <p>A run with a failure is compared with the run without. The step in which something failed may
 * answer the same, since the model got along without it; or an error, after which every invariant
 * holds and the step, done again, answers as it should have. What comes later answers as ever; a
 * launch whose contents went in by half is given up, and so is a run in which frames are counted as
 * lost, or the kernel warned of one, as soon as something meets them. A failure that no technology
 * forgives (a call that never fails by its specification) makes the VM be declared dead. After
 * either nothing is judged but that memory is given back: at the end every invariant holds once
 * more, everything is closed, and no frame is left but those the model says are leaked.
 */
public final class FaultCampaign {
  private final Scenario scenario;
  private final List<ScenarioLine> program;
  private final Technologies technologies;
  private final String technology;
  private final Map<String, String> settings;

  /**
   * Prepares a campaign.
   *
   * @throws IllegalArgumentException if the scenario has several programs
   */
  public FaultCampaign(
      Scenario scenario,
      Technologies technologies,
      String technology,
      Map<String, String> settings) {
    this.scenario = scenario;
    this.program = scenario.lines();
    this.technologies = technologies;
    this.technology = technology;
    this.settings = settings;
  }

  /** What one run answered and what was wrong with it. */
  private static final class Run {
    final List<@Nullable String> answers = new ArrayList<>();
    final List<Injector.Asked> asked;
    @Nullable String wrong;
    FaultReport.End end = FaultReport.End.ABSORBED;
    boolean booted;
    boolean givenUp;
    long leaked;
    boolean warned;

    Run(List<Injector.Asked> asked) {
      this.asked = asked;
    }

    /** Tells whether the answers that follow must be those of the run without a failure. */
    boolean judged() {
      return end != FaultReport.End.DEAD && !givenUp;
    }
  }

  /**
   * Makes the runs.
   *
   * @param pairs whether two failures are tried too
   * @param most the most runs; more are left out and the report says so
   */
  public FaultReport run(boolean pairs, long most) {
    Run whole = follow(Schedule.of(), null);
    if (whole.wrong != null) {
      throw new IllegalArgumentException(
          scenario.name() + ": without a failure already: " + whole.wrong);
    }
    var report = new FaultReport(scenario.name() + " on " + technology);
    for (int at = 0; at < whole.asked.size(); at++) {
      for (int way = 1; way < whole.asked.get(at).ways(); way++) {
        if (report.injections() >= most) {
          return report.cut();
        }
        Schedule one = failing(Schedule.of(), at, way);
        Run run = follow(one, whole);
        note(report, one, run);
        if (pairs && run.wrong == null && !second(report, whole, run, one, at, most)) {
          return report.cut();
        }
      }
    }
    return report;
  }

  private boolean second(
      FaultReport report, Run whole, Run first, Schedule one, int at, long most) {
    int step = first.asked.get(at).step();
    for (int next = at + 1; next < first.asked.size(); next++) {
      if (first.asked.get(next).step() != step) {
        break;
      }
      for (int way = 1; way < first.asked.get(next).ways(); way++) {
        if (report.injections() >= most) {
          return false;
        }
        Schedule two = failing(one, next, way);
        note(report, two, follow(two, whole));
      }
    }
    return true;
  }

  private static void note(FaultReport report, Schedule plan, Run run) {
    report.note(plan, run.end, run.leaked, run.warned, run.wrong);
  }

  private static Schedule failing(Schedule before, int at, int way) {
    int[] all = new int[at + 1];
    for (int i = 0; i < before.length(); i++) {
      all[i] = before.at(i);
    }
    all[at] = way;
    return Schedule.of(all);
  }

  /** Makes one run again, as a finding prints it; null if nothing is wrong with it. */
  public @Nullable String replay(Schedule plan) {
    return follow(plan, follow(Schedule.of(), null)).wrong;
  }

  private Run follow(Schedule plan, @Nullable Run whole) {
    var injector = new Injector(plan);
    var run = new Run(injector.asked());
    var session =
        new Session(
            scenario.name(),
            program,
            technologies,
            technology,
            settings,
            new LogHabits(),
            TraceSink.OFF);
    var actor = new Actor("scenario", 0, injector);
    int[] at = new int[1];
    try {
      actor.run(() -> {
        for (; at[0] < program.size() && run.wrong == null && run.judged(); at[0]++) {
          step(session, injector, at[0], run, whole);
        }
        if (run.wrong == null) {
          atTheEnd(session, run);
        }
      });
    } catch (IllegalStateException | NullPointerException | IndexOutOfBoundsException e) {
      run.wrong = text(Math.min(at[0], program.size() - 1)) + " threw " + e;
    }
    session.close();
    if (run.wrong != null) {
      run.wrong += " | failed: " + String.join(", ", injector.failed());
    }
    return run;
  }

  private String text(int step) {
    return LogWriter.callOnly(program.get(step).call());
  }

  private void step(Session session, Injector injector, int number, Run run, @Nullable Run whole) {
    int before = injector.failed().size();
    boolean acts = acts(program.get(number).step());
    if (acts && !run.booted) {
      boot(session);
      run.booted = true;
    }
    injector.begins(number, acts);
    Reply reply = session.step(number);
    String got = text(number, reply);
    if (whole == null) {
      run.answers.add(got);
      return;
    }
    String wanted = whole.answers.get(number);
    if (injector.failed().size() > before) {
      broken(session, number, run);
      if (reply != null && !got.equals(wanted)) {
        refused(session, injector, number, run, reply, wanted);
      }
    } else if (!got.equals(wanted)) {
      later(session, number, run, reply, wanted);
    }
    if (acts && dead(session)) {
      run.end = FaultReport.End.DEAD;
    }
  }

  /**
   * A step after the one that failed answers otherwise. Where frames are lost for good, or the
   * kernel warned of one that is not its own, what is left of them may be met and nothing more is
   * promised but the invariants.
   */
  private void later(Session session, int number, Run run, @Nullable Reply reply, String wanted) {
    run.givenUp = isTold(session);
    if (!run.givenUp) {
      run.wrong =
          "later %s = %s in place of %s".formatted(text(number), text(number, reply), wanted);
    }
  }

  /** Whether the host counts frames as lost, or its kernel warned. */
  private static boolean isTold(Session session) {
    Kvm host = session.process().kvm();
    return host.leakedFrames() > 0 || !host.warnings().isEmpty();
  }

  private static @Nullable String exit(Reply reply) {
    LogResult.Exit exit = reply.result().exit();
    return exit == null ? null : exit.reason();
  }

  /** Tells whether a line does something to a host that runs. */
  private static boolean acts(Step step) {
    return !(step instanceof Step.Steering
        || (step instanceof Step.Call c && c.call() instanceof KvmCall.HostSetup));
  }

  /** A technology that its host does not have is no scenario: its platform is there before. */
  private void boot(Session session) {
    Backend backend = technologies.require(technology).backend();
    Kvm host = session.process().kvm();
    if (backend != null && host.backends().contains(backend)) {
      var _ = host.platform(backend);
    }
  }

  /** A step that failed is done again, once more where it failed again. */
  private void refused(
      Session session, Injector injector, int number, Run run, Reply reply, String wanted) {
    run.end = FaultReport.End.REFUSED;
    String got = text(number, reply);
    if (!dead(session)
        && !reply.result().isError()
        && reply.result().exit() == null
        && !(program.get(number).step() instanceof Step.Prefault)) {
      // KVM_PRE_FAULT_MEMORY is no error once a page is mapped: it says what is left.
      run.wrong = "%s = %s, which is no error".formatted(text(number), got);
    }
    // A launch whose contents or vCPUs were taken by half is given up, and a reboot ended the VM.
    Step step = program.get(number).step();
    run.givenUp =
        step instanceof Step.Populate
            || step instanceof Step.FinalizeLaunch
            || step instanceof Step.Reboot;
    boolean failing = !run.givenUp;
    while (failing && run.wrong == null && !dead(session)) {
      int failed = injector.failed().size();
      Reply second = session.step(number);
      String again = text(number, second);
      broken(session, number, run);
      // A guest that does again what it did by half is told so, as is whoever needs what is lost.
      run.givenUp =
          second != null
              && ("GUEST_STATUS".equals(exit(second))
                  || (!again.equals(wanted) && isTold(session)));
      if (run.givenUp) {
        return;
      }
      failing = !again.equals(wanted) && injector.failed().size() > failed;
      if (!failing && !again.equals(wanted) && run.wrong == null && !dead(session)) {
        run.wrong =
            "%s = %s, tried again %s in place of %s".formatted(text(number), got, again, wanted);
      }
    }
  }

  private static boolean dead(Session session) {
    return session.process().kvm().anyVmDied();
  }

  private String text(int number, @Nullable Reply reply) {
    return reply == null || program.get(number).step() instanceof Step.Stats
        ? ""
        : Answers.got(program.get(number).call(), reply);
  }

  private void broken(Session session, int number, Run run) {
    if (run.wrong == null && !dead(session)) {
      session.process().kvm().checkInvariants(v -> run.wrong = "after " + text(number) + ": " + v);
    }
  }

  private void atTheEnd(Session session, Run run) {
    Kvm host = session.process().kvm();
    broken(session, program.size() - 1, run);
    session.process().close();
    if (run.wrong == null) {
      host.checkInvariants(v -> run.wrong = "when all is closed: " + v);
    }
    host.close();
    run.leaked = host.leakedFrames();
    run.warned = !host.warnings().isEmpty();
    long left = host.framesSinceBoot();
    if (left != 0 && run.wrong == null) {
      run.wrong = left + " frames are left when everything is closed";
    }
  }
}
