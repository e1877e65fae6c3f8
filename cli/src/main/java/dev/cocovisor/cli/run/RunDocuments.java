package dev.cocovisor.cli.run;

import dev.cocovisor.cli.find.World;
import dev.cocovisor.explore.Explorer;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.explore.ScenarioSubject;
import dev.cocovisor.explore.Schedule;
import dev.cocovisor.report.model.RunModel;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioRun;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.vmm.Technology;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Documents of runs for commands that look at them: made by running. */
public final class RunDocuments {
  private RunDocuments() {}

  /** Runs a scenario and returns its document, with all that happened. */
  public static Map<String, Object> of(
      Scenario scenario, World world, @Nullable String on, Map<String, String> settings) {
    var model = new RunModel();
    try (var run = new ScenarioRun(scenario, world.technologies(), on, settings)) {
      run.run(step -> model.step(StepJson.of(step, _ -> true), run.state()));
    }
    var head = new LinkedHashMap<String, Object>();
    head.put("scenario", scenario.name());
    if (on != null) {
      head.put("backend", on);
    }
    return model.document(head);
  }

  /**
   * Follows one schedule of a scenario's actors and returns its document.
   *
   * @throws IllegalArgumentException if it is no schedule, or the scenario names no actors
   */
  public static Map<String, Object> of(
      Scenario scenario, World world, @Nullable String on, String schedule, Path file) {
    String technology = on == null ? Technology.SW_PROTECTED.id() : on;
    var subject = new ScenarioSubject(scenario, world.technologies(), technology, world.settings());
    var moments = new Explorer(Limits.DEFAULT, true).record(subject, Schedule.parse(schedule));
    return ScheduleJson.run(moments, schedule, file, technology);
  }

  /** Follows a finding's file and returns its document. */
  public static Map<String, Object> of(
      Scenario scenario, Step.Finding finding, Path file, @Nullable String backend, World world) {
    ExploreTarget target = ExploreTarget.of(file, scenario, finding, backend, world);
    Schedule schedule = Schedule.parse(finding.schedule());
    var moments = new Explorer(Limits.DEFAULT, true).record(target.subject(world), schedule);
    return ScheduleJson.run(moments, finding.schedule(), file, target.on());
  }
}
