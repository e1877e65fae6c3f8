package dev.cocovisor.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Events;

/** Every wrong backend is noticed by the rule that names its fault; the honest one keeps it. */
class ZooTest {
  private static final Map<String, Method> RULES =
      Arrays.stream(BackendTck.class.getMethods())
          .filter(m -> m.isAnnotationPresent(Rule.class))
          .collect(
              Collectors.toMap(
                  m -> m.getAnnotation(Rule.class).id(),
                  m -> m,
                  (a, b) -> {
                    throw new IllegalStateException("two rules are " + a + " and " + b);
                  },
                  TreeMap::new));

  @ParameterizedTest
  @EnumSource
  void theNamedRuleNotices(WrongBackend wrong) {
    run(wrong.rule(), wrong.subject()).assertStatistics(s -> s.started(1).failed(1));
  }

  @ParameterizedTest
  @EnumSource
  void theHonestBackendKeepsTheSameRule(WrongBackend wrong) {
    run(wrong.rule(), new ReferenceTckTest().subject())
        .assertStatistics(s -> s.started(1).succeeded(1));
  }

  @Test
  void everyRuleHasAnIdASourceAndANameThatCarriesTheId() {
    assertThat(RULES).hasSizeGreaterThan(50);
    RULES.forEach((id, m) -> {
      assertThat(m.getName()).startsWith("required_" + id + "_");
      assertThat(m.getAnnotation(Rule.class).source()).isNotBlank();
    });
  }

  @Test
  void theZooIsLargeEnough() {
    assertThat(List.of(WrongBackend.values())).hasSizeGreaterThanOrEqualTo(30);
  }

  private static Events run(String rule, Subject subject) {
    Method method = Objects.requireNonNull(RULES.get(rule), () -> "no rule " + rule);
    try (var _ = TckRun.select(subject)) {
      return EngineTestKit.engine("junit-jupiter")
          .selectors(selectMethod(TckRun.Selected.class, method.getName()))
          .execute()
          .testEvents();
    }
  }
}
