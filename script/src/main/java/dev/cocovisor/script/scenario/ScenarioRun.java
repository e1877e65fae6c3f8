package dev.cocovisor.script.scenario;

import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.view.Strip;
import dev.cocovisor.core.kernel.KernelRules;
import dev.cocovisor.core.kernel.PageAttributes;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.LongWork;
import dev.cocovisor.vmm.Technologies;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One run of a scenario on one technology. What its last program left stands until it is closed, so
 * that one can look at it; a host ends with its program.
 */
public final class ScenarioRun implements AutoCloseable {
  private final Scenario scenario;
  private final Technologies technologies;
  private final @Nullable String technology;
  private final Map<String, String> settings;
  private boolean onlyAnswers;
  private volatile @Nullable Session session;
  private @Nullable SessionWatch watch;

  /**
   * Prepares a run.
   *
   * @param technologies those there are
   * @param technology the id of the one to run on, or null for what the scenario asks for
   * @param settings settings of the host that win over the scenario's
   */
  public ScenarioRun(
      Scenario scenario,
      Technologies technologies,
      @Nullable String technology,
      Map<String, String> settings) {
    this.scenario = scenario;
    this.technologies = technologies;
    this.technology = technology;
    this.settings = settings;
  }

  /** Lets steps tell no more than what they answered, as those of long programs always do. */
  public ScenarioRun onlyAnswers() {
    onlyAnswers = true;
    return this;
  }

  /**
   * Runs the scenario to its end. Steps of a program that is too long to be kept tell no more than
   * what they answered: neither what happened meanwhile nor counters, owners of frames and tables.
   *
   * @param each told of each line that counted, in order
   * @throws LogSyntaxException if a line cannot be carried out
   */
  public void run(Consumer<ScenarioStep> each) {
    for (int number = 0; number < scenario.programs().size(); number++) {
      List<ScenarioLine> program = scenario.programs().get(number);
      close();
      var watching =
          new SessionWatch(
              trace ->
                  new Session(
                      scenario.name(),
                      program,
                      technologies,
                      technology,
                      settings,
                      new LogHabits(),
                      trace),
              onlyAnswers || ProgramBuilder.isLong(program));
      Session now = watching.session();
      session = now;
      watch = watching;
      for (int i = 0; i < program.size(); i++) {
        ScenarioLine line = program.get(i);
        Reply reply = step(now, i, line.call());
        if (reply != null) {
          ScenarioStep done = watching.done(number, line, reply);
          each.accept(done);
          goesOn(now, line, done);
        }
      }
    }
  }

  /** Ends a run in which a vCPU stood still, unless the scenario says that it does. */
  private void goesOn(Session now, ScenarioLine line, ScenarioStep done) {
    Standstill stuck = now.standstill();
    boolean said = line.expected(now.technology()) != null && done.unmet() == null;
    if (stuck != null && !said) {
      throw new StepFailure(scenario.name(), line.call(), stuck);
    }
  }

  private @Nullable Reply step(Session now, int index, LogCall call) {
    try {
      return now.step(index);
    } catch (LogSyntaxException e) {
      throw e;
    } catch (RuntimeException | AssertionError e) {
      throw new StepFailure(scenario.name(), call, e);
    }
  }

  /**
   * Returns what the tables of the host say now; to be asked for while a line is told of, or after
   * the last. Costs what is in the tables.
   */
  public List<Strip> state() {
    SessionWatch now = watch;
    return now == null ? List.of() : now.state();
  }

  /**
   * Returns a guest that a step of the last program launched.
   *
   * @param number its number from 1
   * @return null if none of this number was launched
   */
  public @Nullable Guest guest(int number) {
    Session now = session;
    return now == null || number < 1 || number > now.launched().size()
        ? null
        : now.launched().get(number - 1);
  }

  /**
   * Returns how far a step over a large range has come, for whoever watches from another thread;
   * null where no such step is under way.
   */
  public @Nullable LongWork work() {
    Session now = session;
    if (now != null) {
      for (Guest g : now.launched()) {
        if (g.work().total() != 0) {
          return g.work();
        }
      }
    }
    return null;
  }

  /** Tells whether the host's guest_memfds keep the attributes of their pages. */
  public boolean convertsInPlace() {
    Session now = session;
    return now != null
        && now.process().kvm().kernel().on(KernelRules.ATTRIBUTES) == PageAttributes.OF_THE_FILE;
  }

  /** Returns what the host's kernel sees of a private page through its direct map. */
  public HostView.Seen peek(int vm, long at) {
    Session now = session;
    if (now == null) {
      throw new IllegalStateException("nothing was run");
    }
    return now.peek(vm, at);
  }

  /** Ends the host of the last program. */
  @Override
  public void close() {
    Session now = session;
    session = null;
    watch = null;
    if (now != null) {
      now.close();
    }
  }
}
