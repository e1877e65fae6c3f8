package dev.cocovisor.script.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.vmm.VmmDrivers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Scenarios on the technology that is built in: software-protected VMs. */
class ScenarioTest {
  static List<Path> examplesForTheBuiltIn() throws IOException {
    var found = new ArrayList<Path>();
    try (Stream<Path> files =
        Files.list(Path.of(System.getProperty("cocovisor.root"), "examples"))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".kvmlog")).sorted().toList()) {
        if (Scenario.read(LogSource.file(file)).backends().contains(VmmDrivers.BUILT_IN)) {
          found.add(file);
        }
      }
    }
    return found;
  }

  @ParameterizedTest
  @MethodSource("examplesForTheBuiltIn")
  void anExampleMeetsItsExpectations(Path example) throws IOException {
    Scenario scenario = Scenario.read(LogSource.file(example));
    assertThat(scenario.about()).isNotBlank();
    List<ScenarioStep> steps = run(scenario);
    assertThat(steps).isNotEmpty();
    assertThat(steps).allSatisfy(s -> assertThat(s.unmet()).isNull());
  }

  @Test
  void anExpectationThatIsNotMetIsTold() throws IOException {
    Path example =
        Path.of(System.getProperty("cocovisor.root"), "examples", "convert-small-in-huge.kvmlog");
    String wrong = Files.readString(example).replaceFirst("OK, value=1\\)", "OK, value=9)");
    List<ScenarioStep> unmet =
        run(Scenario.read(LogSource.text("wrong.kvmlog", wrong))).stream()
            .filter(s -> s.unmet() != null)
            .toList();
    assertThat(unmet).hasSize(1);
    assertThat(unmet.getFirst().unmet()).contains("value=9");
    assertThat(unmet.getFirst().got()).contains("value=1");
  }

  private static List<ScenarioStep> run(Scenario scenario) {
    var steps = new ArrayList<ScenarioStep>();
    scenario.run(VmmDrivers.BUILT_IN, List.of(), VmmDrivers.onClassPath(), steps::add);
    return steps;
  }
}
