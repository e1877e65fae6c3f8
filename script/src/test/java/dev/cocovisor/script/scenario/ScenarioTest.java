package dev.cocovisor.script.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Scenarios on the technology that is built in: software-protected VMs. */
class ScenarioTest {
  @Test
  void anExpectationThatIsNotMetIsTold() throws IOException {
    Path example =
        Path.of(System.getProperty("cocovisor.root"), "examples", "convert-small-in-huge.kvmlog");
    String wrong =
        Files.readString(example)
            .replaceFirst("OK, value=1\\)", "OK, value=9)")
            .replaceFirst(", tdx.page-size-policy=\"rfc-v1\"", "");
    List<ScenarioStep> unmet = run(wrong).stream().filter(s -> s.unmet() != null).toList();
    assertThat(unmet).hasSize(1);
    assertThat(unmet.getFirst().unmet()).contains("value=9");
    assertThat(unmet.getFirst().got()).contains("value=1");
  }

  private static List<ScenarioStep> run(String text) throws IOException {
    var technologies = Technologies.builtIn();
    Scenario scenario = Scenario.read(LogSource.text("t.kvmlog", text), StepWords.of(technologies));
    assertThat(scenario.about()).isNotBlank();
    var steps = new ArrayList<ScenarioStep>();
    try (var run = new ScenarioRun(scenario, technologies, "sw-protected", Map.of())) {
      run.run(steps::add);
    }
    return steps;
  }
}
