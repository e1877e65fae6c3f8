package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.view.Span;
import dev.cocovisor.api.view.Strip;
import dev.cocovisor.api.view.Strip.Role;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioRun;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is seen of the tables of every example, after every step, fits together. */
class StripsTest {
  /** Each page's frame by one strip; a range's pages lead to frames that follow each other. */
  private static Map<Long, Long> frames(List<Strip> strips, String vm, Role role) {
    var frames = new TreeMap<Long, Long>();
    for (Strip s : strips) {
      if (s.vm().equals(vm) && s.role() == role) {
        long end = Long.MIN_VALUE;
        for (Span span : s.spans()) {
          assertThat(span.first()).as(s.name() + " ascends").isGreaterThanOrEqualTo(end);
          assertThat(span.first() & ((1L << span.order()) - 1)).isZero();
          end = span.end();
          for (long i = 0; span.leadsTo() >= 0 && i < span.pages(); i++) {
            frames.put(span.first() + i, span.leadsTo() + i);
          }
        }
      }
    }
    return frames;
  }

  @ParameterizedTest
  @CsvSource({"tdx, true", "cca, true", "pkvm, true", "sev-snp, false", "sw-protected, false"})
  void whatKvmMapsIsWhatTheTrustedHalfMaps(String technology, boolean external) throws IOException {
    int looked = 0;
    for (Path example : Examples.all()) {
      Scenario scenario = Examples.read(example);
      if (!scenario.backends().isEmpty() && !scenario.backends().contains(technology)) {
        continue;
      }
      try (var run = new ScenarioRun(scenario, Examples.TECHNOLOGIES, technology, Map.of())) {
        int[] pages = new int[1];
        run.run(step -> {
          List<Strip> strips = run.state();
          strips.stream()
              .map(Strip::vm)
              .distinct()
              .filter(vm -> !vm.isEmpty())
              .forEach(vm -> {
                Map<Long, Long> mirror = frames(strips, vm, Role.MIRROR);
                Map<Long, Long> trusted = frames(strips, vm, Role.EXTERNAL);
                if (external) {
                  assertThat(trusted)
                      .as(example + ":" + step.call().line())
                      .containsAllEntriesOf(mirror);
                } else {
                  assertThat(trusted).isEmpty();
                }
                pages[0] += frames(strips, vm, Role.STAGE).size() + mirror.size();
              });
        });
        looked += pages[0];
      }
    }
    assertThat(looked).as("pages that were mapped").isPositive();
  }
}
