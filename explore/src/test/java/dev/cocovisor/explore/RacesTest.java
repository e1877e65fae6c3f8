package dev.cocovisor.explore;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The races of examples/races on the core's own technology: every schedule within a bound. */
class RacesTest {
  private static final Path RACES =
      Path.of(System.getProperty("cocovisor.root"), "examples", "races");

  static Stream<Path> races() throws IOException {
    try (Stream<Path> files = Files.list(RACES)) {
      List<Path> all = files.filter(f -> f.toString().endsWith(".kvmlog")).sorted().toList();
      assertThat(all).isNotEmpty();
      return all.stream();
    }
  }

  private static Subject subject(Path race) {
    var technologies = Technologies.builtIn();
    try {
      var scenario = Scenario.read(LogSource.file(race), StepWords.of(technologies));
      return new ScenarioSubject(scenario, technologies, "sw-protected", Map.of());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Report explore(Path race, int bound) {
    var limits = Limits.DEFAULT.withMillis(20 * 60_000L);
    return new Explorer(limits, true).explore(subject(race), new Search.Preemptions(bound));
  }

  @ParameterizedTest
  @MethodSource("races")
  void withTwoPreemptionsNothingBreaks(Path race) {
    Report r = explore(race, 2);
    assertThat(r.findings()).isEmpty();
    assertThat(r.exhaustive()).isTrue();
    assertThat(r.schedules()).isGreaterThan(10);
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("races")
  void withThreePreemptionsNothingBreaks(Path race) {
    Report r = explore(race, 3);
    System.err.println(r.subject() + ": " + r.summary() + " in " + r.millis() + " ms");
    assertThat(r.findings()).isEmpty();
    assertThat(r.exhaustive()).isTrue();
  }

  @Test
  void aScheduleGivesTheSameOutcomeEachTime() throws IOException {
    Subject s = subject(races().findFirst().orElseThrow());
    var explorer = new Explorer(Limits.DEFAULT, false);
    Schedule one = Schedule.parse("0*5 1*7 0*3 1*4");
    Set<String> first = explorer.replay(s, one, Set.of()).outcomes().keySet();
    assertThat(first).hasSize(1);
    assertThat(explorer.replay(s, one, Set.of()).outcomes().keySet()).isEqualTo(first);
  }
}
