package dev.cocovisor.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import dev.cocovisor.tck.rules.Rule;
import dev.cocovisor.tck.subject.Subject;
import java.lang.reflect.Method;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Events;

/** Every wrong backend is noticed by the rules that name its fault; the honest one keeps them. */
class ZooTest {
  static Stream<Arguments> cases() {
    return Zoo.mutants().stream()
        .flatMap(m -> m.rules().stream().map(rule -> Arguments.of(m.name(), rule, m)));
  }

  @ParameterizedTest(name = "{0} is noticed by {1}")
  @MethodSource("cases")
  void theNamedRuleNotices(String name, String rule, Mutant mutant) {
    run(rule, mutant.subject()).assertStatistics(s -> s.started(1).failed(1));
  }

  @ParameterizedTest(name = "{1} is kept without {0}")
  @MethodSource("cases")
  void theHonestBackendKeepsTheSameRule(String name, String rule, Mutant mutant) {
    run(rule, mutant.honest()).assertStatistics(s -> s.started(1).succeeded(1));
  }

  @Test
  void everyRuleHasAnIdASourceAndANameThatCarriesTheId() {
    assertThat(Zoo.rules()).hasSizeGreaterThan(90);
    Zoo.rules()
        .forEach((id, m) -> {
          assertThat(m.getName()).startsWith("required_" + id + "_");
          assertThat(m.getAnnotation(Rule.class).source()).isNotBlank();
        });
  }

  @Test
  void everyRuleIsBrokenBySomeMutant() {
    Set<String> broken = new TreeSet<>();
    Zoo.mutants().forEach(m -> broken.addAll(m.rules()));
    assertThat(broken).isEqualTo(Zoo.rules().keySet());
  }

  @Test
  void mutantsHaveNamesOfTheirOwn() {
    assertThat(Zoo.mutants().stream().map(Mutant::name)).doesNotHaveDuplicates();
  }

  private static Events run(String rule, Subject subject) {
    Method method = Objects.requireNonNull(Zoo.rules().get(rule), () -> "no rule " + rule);
    try (var _ = TckRun.select(subject)) {
      return EngineTestKit.engine("junit-jupiter")
          .selectors(selectMethod(TckRun.Selected.class, method.getName()))
          .execute()
          .testEvents();
    }
  }
}
