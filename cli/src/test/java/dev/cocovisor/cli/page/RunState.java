package dev.cocovisor.cli.page;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/** What the JSON of a run says of each page after each step, page by page. */
final class RunState {
  private final JsonNode run;
  private final List<Map<Long, String>> strips = new ArrayList<>();

  RunState(JsonNode run) {
    this.run = run;
    run.get("strips").forEach(_ -> strips.add(new TreeMap<>()));
  }

  /** Applies a step's changes. */
  void step(int number) {
    for (JsonNode c : run.get("steps").get(number).get("state")) {
      Map<Long, String> pages = strips.get(c.get(0).asInt());
      int value = c.get(3).asInt();
      long first = c.get(1).asLong();
      for (long page = first; page < first + c.get(2).asLong(); page++) {
        if (value < 0) {
          pages.remove(page);
        } else {
          pages.put(page, run.get("values").get(value).get("state").asString());
        }
      }
    }
  }

  /** Returns the states by page of every strip. */
  List<Map<Long, String>> strips() {
    return strips;
  }
}
