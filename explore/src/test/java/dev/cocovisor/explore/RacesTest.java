package dev.cocovisor.explore;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.StepWords;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The races of examples/races on the technologies they name: every schedule within a bound. */
class RacesTest {
  private static final Path RACES =
      Path.of(System.getProperty("cocovisor.root"), "examples", "races");

  /**
   * A race on a technology.
   *
   * @param file the scenario
   * @param technology one that it names, sw-protected where it names none
   */
  record Race(Path file, String technology) {
    @Override
    public String toString() {
      return file.getFileName() + " on " + technology;
    }
  }

  static Stream<Race> races() throws IOException {
    List<Race> all = new ArrayList<>();
    try (Stream<Path> files = Files.list(RACES)) {
      for (Path f : files.filter(f -> f.toString().endsWith(".kvmlog")).sorted().toList()) {
        List<String> named = scenario(f).backends();
        (named.isEmpty() ? List.of("sw-protected") : named).forEach(t -> all.add(new Race(f, t)));
      }
    }
    assertThat(all).hasSizeGreaterThan(10);
    return all.stream();
  }

  private static Scenario scenario(Path file) throws IOException {
    return Scenario.read(LogSource.file(file), StepWords.of(All.TECHNOLOGIES));
  }

  private static Subject subject(Race race) {
    try {
      return new ScenarioSubject(
          scenario(race.file()), All.TECHNOLOGIES, race.technology(), Map.of());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Report explore(Race race, int bound) {
    var limits = Limits.DEFAULT.withMillis(20 * 60_000L);
    return new Explorer(limits, true).explore(subject(race), new Search.Preemptions(bound));
  }

  @ParameterizedTest
  @MethodSource("races")
  void withOnePreemptionNothingBreaks(Race race) {
    Report r = explore(race, 1);
    assertThat(r.findings()).isEmpty();
    assertThat(r.exhaustive()).isTrue();
    assertThat(r.schedules()).isGreaterThan(2);
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("races")
  void withTwoPreemptionsNothingBreaks(Race race) {
    Report r = explore(race, 2);
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
