package com.example.cove;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.example.cove.kvm.CoveBackend;
import dev.cocovisor.tck.TckRun;
import dev.cocovisor.tck.report.RuleResult;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every value of every setting, judged by every rule. */
@Tag("slow")
class CoveMatrixTest {
  static Stream<JudgedBackend> subjects() {
    return JudgedBackend.of(new CoveBackend()).matrix().stream();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("subjects")
  void everyRuleIsKeptWithEverySetting(JudgedBackend subject) {
    List<String> others =
        TckRun.run(subject).stream()
            .filter(r ->
                r.outcome() == RuleResult.Outcome.FAILED
                    || r.outcome() == RuleResult.Outcome.UNJUDGED)
            .map(r -> r.id() + ": " + r.message())
            .toList();
    assertEquals(List.of(), others);
  }
}
