package dev.cocovisor.explore;

import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.view.Strip;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.script.call.Answers;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.scenario.LogHabits;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.script.scenario.Session;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.state.HostLook;
import dev.cocovisor.script.state.Measured;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.vmm.Technologies;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A scenario whose lines name actors: what is before the first actor is done first, the actors act
 * at the same time, and what follows {@code together()} is done when all have come to their end.
 */
public final class ScenarioSubject implements Subject {
  private final Scenario scenario;
  private final List<ScenarioLine> program;
  private final Technologies technologies;
  private final String technology;
  private final Map<String, String> settings;
  private final List<Actor> actors = new ArrayList<>();
  private final Map<Integer, Set<String>> allowed = new HashMap<>();
  private final List<Integer> before = new ArrayList<>();
  private final List<Integer> after = new ArrayList<>();

  private record Actor(String name, List<Integer> lines) {}

  /**
   * Makes a subject of a scenario's only program.
   *
   * @param technology the id of the technology to run it on
   * @param settings settings of the host
   * @throws IllegalArgumentException if it names fewer than two actors, or has several programs
   */
  public ScenarioSubject(
      Scenario scenario,
      Technologies technologies,
      String technology,
      Map<String, String> settings) {
    this.scenario = scenario;
    this.program = scenario.lines();
    this.technologies = technologies;
    this.technology = technology;
    this.settings = settings;
    boolean together = false;
    for (int i = 0; i < program.size(); i++) {
      switch (program.get(i).step()) {
        case Step.ActorBegins a -> actors.add(new Actor(a.name(), new ArrayList<>()));
        case Step.Together _ -> together = true;
        case Step.Finding _ -> {}
        case Step.Allows a -> allowed.put(i - 1, Set.copyOf(a.answers()));
        default -> (together ? after : actors.isEmpty() ? before : actors.getLast().lines()).add(i);
      }
    }
    if (actors.size() < 2) {
      throw new IllegalArgumentException(
          scenario.name() + ": names " + actors.size() + " actors; two or more can be explored");
    }
  }

  @Override
  public String name() {
    return scenario.name() + " on " + technology;
  }

  @Override
  public Trial newTrial() {
    return newTrial(TraceSink.OFF);
  }

  @Override
  public Trial newTrial(TraceSink trace) {
    var session =
        new Session(
            scenario.name(), program, technologies, technology, settings, new LogHabits(), trace);
    before.forEach(i -> answer(session, i));
    return new OnHost(session);
  }

  private String answer(Session session, int line) {
    Reply reply = session.step(line);
    return reply == null ? "" : Answers.got(program.get(line).call(), reply);
  }

  private final class OnHost extends HostTrial {
    private final Session session;
    private final List<Part> parts = new ArrayList<>();
    private final StringBuilder ending = new StringBuilder();

    OnHost(Session session) {
      super(session.process().kvm());
      this.session = session;
      for (Actor a : actors) {
        parts.add(
            new Part(
                a.name(),
                a.lines().stream()
                    .map(i ->
                        new Call(
                            LogWriter.callOnly(program.get(i).call()),
                            () -> answer(session, i),
                            allowed.getOrDefault(i, Set.of())))
                    .toList()));
      }
    }

    @Override
    public List<Part> parts() {
      return parts;
    }

    @Override
    protected boolean afterwards() {
      for (int i : after) {
        ending
            .append(LogWriter.callOnly(program.get(i).call()))
            .append(" = ")
            .append(answer(session, i))
            .append('\n');
      }
      return !after.isEmpty();
    }

    @Override
    public List<Strip> look() {
      var vms = new LinkedHashMap<String, Vm>();
      for (Vm vm : host().vms()) {
        if (!vm.isDestroyed()) {
          vms.put(Integer.toString(vms.size() + 1), vm);
        }
      }
      return HostLook.of(host(), vms, new Measured());
    }

    @Override
    public String ending() {
      return ending.toString();
    }

    @Override
    public void close() {
      session.close();
    }
  }
}
