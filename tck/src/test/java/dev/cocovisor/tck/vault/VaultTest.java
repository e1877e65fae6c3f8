package dev.cocovisor.tck.vault;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.tck.TckRun;
import dev.cocovisor.tck.report.RuleResult;
import dev.cocovisor.tck.report.RuleResult.Outcome;
import dev.cocovisor.tck.report.Tally;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The vault without a flaw keeps every rule; the zoo shows that each flaw breaks one. */
class VaultTest {
  @Test
  void theHonestOneKeepsEveryRule() {
    List<RuleResult> results = TckRun.run(Flaw.NO_OWNER_CHECK.honest());
    assertThat(results)
        .filteredOn(r -> r.outcome() == Outcome.FAILED || r.outcome() == Outcome.UNJUDGED)
        .isEmpty();
    assertThat(Tally.of(results).shown()).isGreaterThan(80);
  }
}
