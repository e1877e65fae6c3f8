package dev.cocovisor.script.random;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.generate.Choices;
import dev.cocovisor.script.scenario.LogHabits;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.script.scenario.Session;
import dev.cocovisor.script.scenario.Standstill;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.vmm.Technologies;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * One program on a host of its own, watched: after every step the invariants of the host and its
 * trusted half, whether a vCPU stands still, whether a VM died that nothing was done to, and what
 * guests read; at the end the frames that are left.
 */
final class ProgramTrial {
  private final Technologies technologies;
  private final RandomProgram program;
  private final TraceSink trace;
  private final BiConsumer<ScenarioLine, @Nullable Reply> each;
  private final List<Step> done = new ArrayList<>();
  private final ContentWatch contents = new ContentWatch();
  private boolean failures;
  private @Nullable Coverage offers;
  private @Nullable Trouble trouble;

  /**
   * Prepares a trial.
   *
   * @param program the host, and the steps where they are known
   * @param trace told what happens
   * @param each told of each line and its answer
   */
  ProgramTrial(
      Technologies technologies,
      RandomProgram program,
      TraceSink trace,
      BiConsumer<ScenarioLine, @Nullable Reply> each) {
    this.technologies = technologies;
    this.program = program;
    this.trace = trace;
    this.each = each;
  }

  /** What the host offers is told to a coverage once a VM is there. */
  void tell(Coverage coverage) {
    this.offers = coverage;
  }

  /** Returns the steps carried out, in order. */
  List<Step> steps() {
    return done;
  }

  /** Returns what went wrong first; null if nothing did. */
  @Nullable Trouble trouble() {
    return trouble;
  }

  /** Runs the program's own steps. */
  ProgramTrial run() {
    return run(session -> {
      for (Step step : program.steps()) {
        if (!step(session, step)) {
          return;
        }
      }
    });
  }

  /** Runs steps that are drawn as it goes. */
  ProgramTrial run(Choices choose, int length, boolean faults) {
    var chooser = new StepChooser(choose, choose.percent(30) && faults);
    return run(session -> {
      for (int i = 0; i < length; i++) {
        if (!step(session, chooser.next(session.launched()))) {
          return;
        }
      }
    });
  }

  private interface Body {
    void run(Session session);
  }

  private ProgramTrial run(Body body) {
    List<ScenarioLine> head = program.head();
    var session =
        new Session(
            "program", head, technologies, program.technology(), Map.of(), new LogHabits(), trace);
    try {
      for (int i = 0; i < head.size(); i++) {
        each.accept(head.get(i), session.step(i));
      }
      boot(session);
      body.run(session);
      if (trouble == null) {
        end(session);
      }
    } catch (RuntimeException | AssertionError | StackOverflowError e) {
      threw(e);
    } finally {
      quietly(session);
    }
    return this;
  }

  /** A host whose program went wrong may not close as it should: that is no second finding. */
  private void quietly(Session session) {
    try {
      session.close();
    } catch (RuntimeException | AssertionError | StackOverflowError e) {
      threw(e);
    }
  }

  private void boot(Session session) {
    Backend backend = technologies.require(program.technology()).backend();
    Kvm host = session.process().kvm();
    if (backend != null && host.backends().contains(backend)) {
      // What a platform takes at boot stays until the host is closed.
      var _ = host.platform(backend);
    }
  }

  /** Carries out one step; false if something went wrong. */
  private boolean step(Session session, Step step) {
    done.add(step);
    failures |= step instanceof Step.FirmwareFail || step instanceof Step.TakeMemory;
    failures |= dead(session);
    ScenarioLine line = RandomProgram.line(step);
    Reply reply;
    try {
      reply = session.next(line);
    } catch (RuntimeException | AssertionError | StackOverflowError e) {
      each.accept(line, null);
      threw(e);
      return false;
    }
    each.accept(line, reply);
    look(session, step, reply);
    return trouble == null;
  }

  private static boolean dead(Session session) {
    return session.process().kvm().vms().stream().anyMatch(Vm::isDead);
  }

  private void look(Session session, Step step, @Nullable Reply reply) {
    Standstill stuck = session.standstill();
    if (stuck != null) {
      found(Trouble.Kind.STANDSTILL, String.valueOf(stuck.getMessage()));
      return;
    }
    Kvm host = session.process().kvm();
    if (offers != null && !host.vms().isEmpty()) {
      offers.offered(host);
      offers = null;
    }
    boolean dead = dead(session);
    if (dead && !failures && !byGuest(step)) {
      found(Trouble.Kind.DEAD, "after " + step.getClass().getSimpleName());
      return;
    }
    if (!dead) {
      host.checkInvariants(broken -> found(Trouble.Kind.INVARIANT, broken));
    }
    LogResult result = reply == null ? null : reply.result();
    String lost = result == null ? null : contents.look(step, result);
    if (lost != null) {
      found(Trouble.Kind.CONTENT, lost);
    }
  }

  /** A guest may kill itself: an access to a page it did not accept, a launch that is refused. */
  private static boolean byGuest(Step step) {
    return !step.lane().equals("VMM") || step instanceof Step.FinalizeLaunch;
  }

  /** Everything is closed: only what the model gave up for good may be left. */
  private void end(Session session) {
    var _ = session.next(RandomProgram.line(new Step.GiveMemory()));
    Kvm host = session.process().kvm();
    host.close();
    long left = host.framesSinceBoot();
    if (left != 0) {
      found(Trouble.Kind.LEAK, left + " frames are left when everything is closed");
    }
  }

  private void threw(Throwable e) {
    StackTraceElement[] stack = e.getStackTrace();
    found(Trouble.Kind.EXCEPTION, e + (stack.length == 0 ? "" : " at " + stack[0]));
  }

  private void found(Trouble.Kind kind, String text) {
    if (trouble == null) {
      trouble = new Trouble(kind, text, done.size());
    }
  }
}
