package dev.cocovisor.tck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.tck.report.RuleResult;
import dev.cocovisor.tck.rules.Rule;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every wrong backend is noticed by the rules that name its fault; the honest one keeps them. */
class ZooTest {
  static Stream<Arguments> cases() {
    return Zoo.mutants().stream()
        .flatMap(m -> m.rules().stream().map(rule -> Arguments.of(m.name(), rule, m)));
  }

  @ParameterizedTest(name = "{0} is noticed by {1}")
  @MethodSource("cases")
  void theNamedRuleNotices(String name, String rule, Mutant mutant) {
    RuleResult result = run(rule, mutant.subject());
    assertThat(result.outcome()).as(result.message()).isEqualTo(RuleResult.Outcome.FAILED);
  }

  @ParameterizedTest(name = "{1} is kept without {0}")
  @MethodSource("cases")
  void theHonestBackendKeepsTheSameRule(String name, String rule, Mutant mutant) {
    RuleResult result = run(rule, mutant.honest());
    assertThat(result.outcome())
        .as(result.message())
        .isIn(RuleResult.Outcome.SHOWN, RuleResult.Outcome.REFUSED);
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

  @Test
  void aGuestThatFaultsWhereAPageIsMappedIsToldWithThePageTheTablesAndTheHook() {
    JudgedBackend stuck = WrongAtTheEdges.FAULTS_FOR_EVER_WHERE_A_PAGE_IS.subject();
    assertThat(run("M02", stuck).message())
        .contains("a guest stands still: vm 1 vcpu 0: gfn 0x")
        .contains("last stopped by guest_walk")
        .containsPattern("private: frame 0x[0-9a-f]+ at level 1")
        .contains("shared: nothing is mapped");
  }

  private static RuleResult run(String rule, JudgedBackend subject) {
    return TckRun.run(subject, List.of(rule), TckRun.LIMIT, _ -> {}).getFirst();
  }
}
