package dev.cocovisor.bugs.hunt;

import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioRun;
import dev.cocovisor.script.scenario.ScenarioStep;
import dev.cocovisor.script.scenario.StepFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A scenario run once as it stands: what it expects is a check, and so are the invariants after
 * each step and the memory that is left at the end.
 */
final class PlainRun {
  private PlainRun() {}

  static Found of(Bug bug, Scenario scenario, Hosts hosts) {
    long began = System.nanoTime();
    List<String> broken = new ArrayList<>();
    try (var run = new ScenarioRun(scenario, hosts.technologies(), bug.technology(), Map.of())) {
      run.run(step -> look(step, hosts, broken::add));
      Kvm host = hosts.take();
      if (host != null) {
        Hosts.end(host, broken::add);
      }
    } catch (StepFailure e) {
      broken.add(e.place() + ": " + e.getCause());
    }
    long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
    return new Found(
        broken.isEmpty() ? "" : broken.getFirst(), 1, millis, "one run", true, Optional.empty());
  }

  private static void look(ScenarioStep step, Hosts hosts, Consumer<String> violation) {
    String unmet = step.unmet();
    if (unmet != null) {
      violation.accept("line %d: %s, expected %s".formatted(step.call().line(), step.got(), unmet));
    }
    Kvm host = hosts.last();
    if (host != null) {
      host.checkAlways(violation);
      host.checkInvariants(violation);
    }
  }
}
