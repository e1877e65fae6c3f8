package dev.cocovisor.bugs.hunt;

import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioRun;
import dev.cocovisor.script.scenario.ScenarioStep;
import dev.cocovisor.script.scenario.StepFailure;
import dev.cocovisor.vmm.Technologies;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A scenario run once as it stands: what it expects is a check, and so are the invariants after
 * each step and the memory that is left at the end.
 */
final class PlainRun {
  private final List<String> broken = new ArrayList<>();
  private @Nullable Kvm host;
  private final boolean planned;

  private PlainRun(boolean planned) {
    this.planned = planned;
  }

  static Found of(Bug bug, Scenario scenario, Technologies on) {
    long began = System.nanoTime();
    PlainRun looked = new PlainRun(bug.scenario().contains("firmware_fail("));
    looked.run(bug, scenario, on);
    long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
    String what = looked.broken.isEmpty() ? "" : looked.broken.getFirst();
    return new Found(what, 1, millis, "one run", true, Optional.empty());
  }

  private void run(Bug bug, Scenario scenario, Technologies on) {
    Technologies watched =
        on.withHosts((config, backends, trace) -> booted(on.boot(config, backends, trace)));
    try (var run = new ScenarioRun(scenario, watched, bug.technology(), Map.of())) {
      run.run(this::look);
      end();
    } catch (StepFailure e) {
      broken.add(e.place() + ": " + e.getCause());
    }
  }

  private Kvm booted(Kvm fresh) {
    host = fresh;
    return fresh;
  }

  private void look(ScenarioStep step) {
    String unmet = step.unmet();
    if (unmet != null) {
      broken.add("line %d: %s, expected %s".formatted(step.call().line(), step.got(), unmet));
    }
    Kvm now = host;
    if (now != null) {
      now.checkAlways(broken::add);
      now.checkInvariants(broken::add);
    }
  }

  private void end() {
    Kvm now = host;
    if (now != null) {
      String warned = now.warned();
      if (warned != null && !planned) {
        broken.add("the kernel warns: " + warned);
      }
      now.close();
      long left = now.framesSinceBoot();
      if (now.leakedFrames() != 0 && !planned) {
        broken.add(
            now.leakedFrames() + " frames are lost for good, and nothing was planned to fail");
      }
      if (left != 0) {
        broken.add(left + " frames are left when everything is closed");
      }
    }
  }
}
