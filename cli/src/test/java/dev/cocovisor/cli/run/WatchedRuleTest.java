package dev.cocovisor.cli.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.bugs.Bugs;
import dev.cocovisor.cli.find.PluginOptions;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.tck.RuleList;
import dev.cocovisor.tck.TckRun;
import dev.cocovisor.tck.report.RuleResult;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A rule that is watched ends as it does unseen, and its document tells each call. */
class WatchedRuleTest {
  private static JsonNode watched(JudgedBackend subject, RuleResult said) {
    Map<String, Object> doc = WatchedRule.of(subject, said, said.id(), TckRun.LIMIT);
    return JsonMapper.shared().readTree(JsonMapper.shared().writeValueAsString(doc));
  }

  private static RuleResult unseen(JudgedBackend subject, String rule) {
    return TckRun.run(subject, List.of(rule), TckRun.LIMIT, _ -> {}).getFirst();
  }

  @Test
  void whereARuleFailsTheLastStepSaysWhatWasExpected() {
    try (BackendRegistry registry = new PluginOptions().open()) {
      var bug = Bugs.of("M26");
      var judges = new KitOnBugs(registry.technologies());
      JudgedBackend subject = judges.subject(bug, bug.putInto(registry.technologies()));
      RuleResult failed = unseen(subject, judges.sees(bug));
      assertThat(failed.outcome()).isEqualTo(RuleResult.Outcome.FAILED);
      JsonNode run = watched(subject, failed);
      JsonNode steps = run.get("steps");
      assertThat(steps.size()).isGreaterThan(5);
      assertThat(steps.get(steps.size() - 1).get("expected").asString())
          .isEqualTo(failed.message());
      for (int i = 0; i + 1 < steps.size(); i++) {
        assertThat(steps.get(i).has("expected")).isFalse();
      }
      assertThat(run.get("strips").valueStream().map(s -> s.get("name").asString()))
          .contains("guest memory", "attributes", "second stage");
    }
  }

  @Test
  @Tag("slow")
  void noRuleEndsOtherwiseWhenItIsWatched() {
    try (BackendRegistry registry = new PluginOptions().open()) {
      for (String id : List.of("tdx", "sev-snp", "pkvm", "cca")) {
        var backend = registry.require(id);
        var subject = JudgedBackend.of(backend.backend(), backend.loader());
        for (String rule : RuleList.ids(List.of("C", "O", "F"))) {
          RuleResult said = unseen(subject, rule);
          JsonNode run = watched(subject, said);
          assertThat(run.get("steps").findValues("expected")).as(rule + " on " + id).isEmpty();
          assertThat(run.get("hosts").asInt() > 0)
              .as(rule + " on " + id)
              .isEqualTo(!run.get("steps").isEmpty());
        }
      }
    }
  }
}
