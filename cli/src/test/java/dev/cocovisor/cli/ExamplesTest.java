package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.script.scenario.Step;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every example meets its expectations on every technology it names. */
class ExamplesTest {
  static List<Arguments> runs() throws IOException {
    var runs = new ArrayList<Arguments>();
    for (Path example : Examples.all()) {
      for (String backend : Examples.read(example).backends()) {
        runs.add(Arguments.of(example, backend));
      }
    }
    return runs;
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("runs")
  void anExampleMeetsItsExpectations(Path example, String backend) {
    var out = new ByteArrayOutputStream();
    var stream = new PrintStream(out, true, StandardCharsets.UTF_8);
    int code =
        assertTimeoutPreemptively(
            Duration.ofSeconds(30),
            () ->
                Main.run(
                    new Console(stream, stream, false, false),
                    "run",
                    example.toString(),
                    "--backend",
                    backend));
    assertThat(code).as(out.toString(StandardCharsets.UTF_8)).isEqualTo(ExitCode.CLEAN);
  }

  @Test
  void everyExampleSaysWhatToLookAtAndNamesItsTechnologies() throws IOException {
    System.out.printf("examples=%d runs=%d%n", Examples.all().size(), runs().size());
    assertThat(Examples.all()).hasSizeGreaterThanOrEqualTo(50);
    for (Path example : Examples.all()) {
      Scenario scenario = Examples.read(example);
      assertThat(scenario.about()).as(example.toString()).hasSizeGreaterThan(80);
      assertThat(scenario.backends()).as(example.toString()).isNotEmpty();
    }
  }

  @Test
  void everyStepOfAnExampleSaysWhatItAnswersOnEveryTechnologyItIsFor() throws IOException {
    var silent = new ArrayList<String>();
    int steps = 0;
    for (Path example : Examples.all()) {
      Scenario scenario = Examples.read(example);
      List<String> on = scenario.backends();
      for (ScenarioLine line : scenario.lines()) {
        switch (line.step()) {
          case Step.Backends _ -> {}
          case Step.On(List<String> ids) -> on = ids.isEmpty() ? scenario.backends() : ids;
          case Step.Call(KvmCall.HostSetup _) -> {}
          default -> {
            steps++;
            for (String id : on) {
              if (line.expected(id) == null) {
                silent.add(example.getFileName() + ":" + line.call().line() + " on " + id);
              }
            }
          }
        }
      }
    }
    System.out.printf("steps=%d without expectation=%d%n", steps, silent.size());
    assertThat(silent).isEmpty();
  }
}
