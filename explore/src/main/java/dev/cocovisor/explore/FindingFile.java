package dev.cocovisor.explore;

import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.scenario.StepEncoder;
import dev.cocovisor.script.text.LogWriter;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Findings as text files: a scenario whose first line says which order of its actors' steps shows
 * what. {@code cocovisor run} follows one.
 *
 * @param on the technology's id
 * @param settings of its hosts
 * @param bug the bug of history in them; empty for none
 * @param meeting operations that meet instead of a scenario's actors; empty for none
 * @param scenario what was explored; null where there are no lines of one
 */
public record FindingFile(
    String on,
    Map<String, String> settings,
    String bug,
    String meeting,
    @Nullable Scenario scenario) {
  /**
   * Returns a file's text.
   *
   * @param seed where what was drawn at random began; 0 if nothing was
   * @param anyAnswers whether answers were left unjudged
   * @param foundBy a command that follows it without the file; empty for none
   */
  public String text(Finding finding, long seed, boolean anyAnswers, String foundBy) {
    var step =
        new Step.Finding(
            finding.schedule().toString(),
            on,
            words(),
            bug,
            meeting,
            seed,
            anyAnswers,
            firstLine(finding.what()));
    var text = new StringBuilder();
    finding.what().lines().forEach(l -> text.append("# ").append(l).append('\n'));
    text.append("# ").append(finding.preemptions()).append(" interruption(s), minimised");
    text.append(foundBy.isEmpty() ? "" : "; also: " + foundBy).append('\n');
    text.append(LogWriter.line(StepEncoder.encode(step))).append('\n');
    if (scenario != null) {
      for (ScenarioLine line : scenario.lines()) {
        if (!(line.step() instanceof Step.Finding)) {
          text.append(LogWriter.line(line.call())).append('\n');
        }
      }
    }
    return text.toString();
  }

  private String words() {
    return new TreeMap<>(settings)
        .entrySet().stream()
            .map(e -> e.getKey() + "=" + e.getValue())
            .collect(Collectors.joining(" "));
  }

  /** Returns what a file keeps of what broke. */
  public static String firstLine(String what) {
    return what.lines().findFirst().orElse("");
  }
}
