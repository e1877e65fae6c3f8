package dev.cocovisor.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.view.EntryKind;
import dev.cocovisor.api.view.Span;
import dev.cocovisor.api.view.Strip;
import dev.cocovisor.report.model.RunModel;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A document of changes says what the strips said. */
class RunModelTest {
  private static final int PAGES = 40;

  private static Span span(long first, long pages, long leadsTo, String state) {
    return new Span(first, pages, 0, leadsTo, EntryKind.PRIVATE, state, Set.of());
  }

  private static List<Span> random(Random r) {
    List<Span> spans = new ArrayList<>();
    for (long at = r.nextInt(4); at < PAGES; ) {
      long pages = Math.min(PAGES - at, 1 + r.nextInt(6));
      long leadsTo = r.nextBoolean() ? -1 : 100 + at + r.nextInt(2);
      spans.add(span(at, pages, leadsTo, r.nextInt(3) == 0 ? "a" : "b"));
      at += pages + r.nextInt(3);
    }
    return spans;
  }

  private static Map<Long, String> byPage(List<Span> spans) {
    var pages = new TreeMap<Long, String>();
    for (Span s : spans) {
      for (long i = 0; i < s.pages(); i++) {
        pages.put(s.first() + i, s.state() + (s.leadsTo() < 0 ? -1 : s.leadsTo() + i));
      }
    }
    return pages;
  }

  private static void apply(JsonNode change, JsonNode values, Map<Long, String> pages) {
    long first = change.get(1).asLong();
    int value = change.get(3).asInt();
    long leads = change.get(4).asLong();
    assertThat(change.get(2).asLong()).isPositive();
    for (long i = 0; i < change.get(2).asLong(); i++) {
      if (value < 0) {
        assertThat(pages.remove(first + i)).as("what was there").isNotNull();
      } else {
        String now = values.get(value).get("state").asString() + (leads < 0 ? -1 : leads + i);
        assertThat(pages.put(first + i, now)).as("what changes").isNotEqualTo(now);
      }
    }
  }

  @Test
  void changesAppliedOneAfterTheOtherAreTheStates() {
    var random = new Random(7);
    for (int round = 0; round < 200; round++) {
      var model = new RunModel();
      List<Map<Long, String>> states = new ArrayList<>();
      for (int step = 0; step < 6; step++) {
        List<Span> spans = random(random);
        states.add(byPage(spans));
        model.step(
            new LinkedHashMap<>(), List.of(new Strip("1", Strip.Role.STAGE, "stage", spans)));
      }
      model.step(new LinkedHashMap<>(), List.of());
      states.add(new TreeMap<>());
      JsonNode doc =
          new JsonMapper().readTree(new JsonMapper().writeValueAsString(model.document(Map.of())));
      var pages = new TreeMap<Long, String>();
      for (int step = 0; step < states.size(); step++) {
        for (JsonNode change : doc.get("steps").get(step).get("state")) {
          apply(change, doc.get("values"), pages);
        }
        assertThat(pages).isEqualTo(states.get(step));
      }
    }
  }

  @Test
  void aTerabyteThatChangesAtOnceIsOneRange() {
    var model = new RunModel();
    var step = new LinkedHashMap<String, Object>();
    model.step(
        step,
        List.of(new Strip("1", Strip.Role.SLOTS, "slots", List.of(span(0, 1L << 28, -1, "a")))));
    assertThat((List<?>) step.get("state")).hasSize(1);
  }
}
