package dev.cocovisor.tck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Backend;
import dev.cocovisor.cca.kvm.CcaBackend;
import dev.cocovisor.pkvm.kvm.PkvmBackend;
import dev.cocovisor.snp.kvm.SevBackend;
import dev.cocovisor.tck.report.RuleResult;
import dev.cocovisor.tck.report.Tally;
import dev.cocovisor.tck.subject.JudgedBackend;
import dev.cocovisor.tdx.kvm.TdxBackend;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every value of every setting that the four technologies offer, judged by every rule. */
@Tag("slow")
class MatrixTest {
  static Stream<JudgedBackend> subjects() {
    return Stream.<Backend>of(
            new TdxBackend(), new SevBackend(), new PkvmBackend(), new CcaBackend())
        .flatMap(b -> JudgedBackend.of(b).matrix().stream());
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("subjects")
  void everyRuleIsKeptWithEverySetting(JudgedBackend subject) {
    List<RuleResult> results = TckRun.run(subject);
    System.out.println(subject + ": " + Tally.of(results));
    assertThat(results).filteredOn(r -> r.outcome() == RuleResult.Outcome.FAILED).isEmpty();
    assertThat(results)
        .filteredOn(r -> r.outcome() == RuleResult.Outcome.UNJUDGED)
        .allSatisfy(r -> assertThat(r.message()).contains("the technology does not claim that"));
    if (subject.missingClaims().isEmpty()) {
      assertThat(Tally.of(results).unjudged()).isZero();
    }
  }
}
