package dev.cocovisor.explore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A search made in portions, in any order, is the search made at once. */
class PortionsTest {
  private static final Path RACES =
      Path.of(System.getProperty("cocovisor.root"), "examples", "races");

  private static Subject subject(String name) throws IOException {
    Scenario s =
        Scenario.read(
            LogSource.file(RACES.resolve(name + ".kvmlog")), StepWords.of(Technologies.builtIn()));
    return new ScenarioSubject(s, Technologies.builtIn(), "sw-protected", Map.of());
  }

  @ParameterizedTest
  @CsvSource({
    "convert-and-fault, 1, 7",
    "convert-and-fault, 1, 1",
    "prefault-and-slot-delete, 1, 40"
  })
  void slicesInAnyOrderMakeTheWholeSearch(String name, int bound, long most) throws IOException {
    Subject subject = subject(name);
    var search = new Search.Preemptions(bound);
    var explorer = new Explorer(Limits.DEFAULT, true).withPairs();
    Report whole = explorer.explore(subject, search);
    Portions portions = explorer.portions(subject, search, Set.of());

    long schedules = 0;
    long steps = 0;
    var outcomes = new TreeMap<String, Long>();
    var pairs = new TreeSet<String>();
    var ways = new HashSet<Portion>();
    var random = new Random(most);
    Portion round = Portion.FIRST;
    while (round != null) {
      List<String> learnt = new ArrayList<>();
      var left = new ArrayDeque<>(List.of(round));
      while (!left.isEmpty()) {
        Portion next = random.nextBoolean() ? left.removeFirst() : left.removeLast();
        assertThat(ways.add(next)).as("made once: %s", next).isTrue();
        Slice slice = portions.make(next, most);
        assertThat(slice.schedules()).isBetween(1L, most);
        assertThat(slice.findings()).isEmpty();
        assertThat(slice.rest()).as("few parts are left").hasSizeLessThanOrEqualTo(8);
        schedules += slice.schedules();
        steps += slice.steps();
        slice.outcomes().forEach((text, n) -> outcomes.merge(text, n, Long::sum));
        pairs.addAll(slice.pairs());
        learnt.add(slice.learnt());
        left.addAll(slice.rest());
      }
      round = Portions.again(round.shared(), learnt);
    }

    assertThat(schedules).isEqualTo(whole.schedules());
    assertThat(steps).isEqualTo(whole.steps());
    assertThat(outcomes).isEqualTo(whole.outcomes());
    assertThat(pairs).isNotEmpty().isEqualTo(whole.pairs());
  }

  @Test
  void aPairIsTwoStepsAtOnePlaceOfWhichOneGoesFirst() throws IOException {
    Subject subject = subject("convert-and-fault");
    var search = new Search.Preemptions(1);
    var explorer = new Explorer(Limits.DEFAULT, true);
    assertThat(explorer.explore(subject, search).pairs()).as("only where asked for").isEmpty();
    var seen = explorer.withPairs().explore(subject, search).pairs();
    assertThat(seen).allMatch(p -> p.matches("[A-Z_]+ (read|write) before .* at .*"));
    assertThat(seen).noneMatch(p -> p.matches(".* read before [A-Z_]+ read at .*"));
    assertThat(seen).anyMatch(p -> p.endsWith(" at kvm->mmu_lock"));
    // Whole calls in a row meet nowhere but where one begins.
    assertThat(explorer.withPairs().explore(subject, new Search.Calls()).pairs())
        .hasSizeLessThan(seen.size());
  }

  @Test
  void aSearchWhoseNextExecutionDependsOnTheOneBeforeHasNoPortions() throws IOException {
    Subject subject = subject("convert-and-fault");
    var explorer = new Explorer(Limits.DEFAULT, true);
    assertThat(Portions.isPortioned(new Search.Dpor())).isFalse();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> explorer.portions(subject, new Search.Dpor(), Set.of()))
        .withMessageContaining("Dpor");
  }
}
