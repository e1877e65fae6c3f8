package dev.cocovisor.cli.run;

import dev.cocovisor.explore.Finding;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.scenario.StepEncoder;
import dev.cocovisor.script.text.LogWriter;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * A finding as one text file: a scenario whose first line says which order of its actors' steps
 * shows what. {@code cocovisor run} follows it.
 */
final class FindingText {
  private FindingText() {}

  /**
   * Returns the file's text.
   *
   * @param seed where what was drawn at random began; 0 if nothing was
   * @param foundBy the command that follows it without the file
   */
  static String of(
      ExploreTarget target, Finding finding, long seed, boolean anyAnswers, String foundBy) {
    var step =
        new Step.Finding(
            finding.schedule().toString(),
            target.on(),
            words(target.settings()),
            target.bug() == null ? "" : target.bug().id(),
            target.meeting(),
            seed,
            anyAnswers,
            firstLine(finding.what()));
    var text = new StringBuilder();
    finding.what().lines().forEach(l -> text.append("# ").append(l).append('\n'));
    text.append("# ").append(finding.preemptions()).append(" interruption(s), minimised; also: ");
    text.append(foundBy).append('\n');
    text.append(LogWriter.line(StepEncoder.encode(step))).append('\n');
    Scenario scenario = target.scenario();
    if (scenario != null) {
      for (ScenarioLine line : scenario.lines()) {
        if (!(line.step() instanceof Step.Finding)) {
          text.append(LogWriter.line(line.call())).append('\n');
        }
      }
    }
    return text.toString();
  }

  private static String words(Map<String, String> settings) {
    return new TreeMap<>(settings)
        .entrySet().stream()
            .map(e -> e.getKey() + "=" + e.getValue())
            .collect(Collectors.joining(" "));
  }

  /** Returns what a finding's file keeps of what broke. */
  static String firstLine(String what) {
    return what.lines().findFirst().orElse("");
  }
}
