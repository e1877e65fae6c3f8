package dev.cocovisor.cli.step;

import dev.cocovisor.api.Nearest;
import java.io.PrintStream;
import java.util.List;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;

/** Carries out what is typed while a run is walked. */
final class Stepper {
  static final List<String> WORDS =
      List.of(
          "next",
          "back",
          "go",
          "until",
          "tables",
          "memory",
          "slots",
          "attributes",
          "owners",
          "tlb",
          "locks",
          "events",
          "list",
          "help",
          "quit");

  private static final String HELP =
      """
      next [N], back [N]      go on, or back; an empty line is next
      go LINE                 go to a line of the scenario; go #N to step N
      until hook NAME         go on until a hook or firmware call of that name is made
      until status WORD       until an answer or an event has the word
      until gfn N, pfn N      until a table says something else of a page or a frame
      memory, slots, attributes, tables, owners, tlb    print what they say now
      locks                   who holds what (of an explored schedule)
      events                  the hooks and firmware calls of this step
      list                    the steps around this one
      quit
      """;

  private final RunWalk walk;
  private final PrintStream out;

  Stepper(JsonNode run, PrintStream out) {
    this.walk = new RunWalk(run);
    this.out = out;
  }

  /** Returns the prompt. */
  String prompt() {
    return (walk.at() + 1) + "/" + walk.steps() + "> ";
  }

  /** Carries out a line; returns false where it ends the session. */
  boolean command(String line) {
    String[] words = line.strip().split("\\s+", -1);
    String word = words[0].isEmpty() ? "next" : word(words[0]);
    switch (word) {
      case "quit" -> {
        return false;
      }
      case "help" -> out.print(HELP);
      case "next" -> to(walk.at() + number(words, 1));
      case "back" -> to(walk.at() - number(words, 1));
      case "go" -> go(words);
      case "until" -> until(words);
      case "memory" -> tables(List.of("memory"));
      case "slots" -> tables(List.of("slots"));
      case "attributes" -> tables(List.of("attributes"));
      case "tables" -> tables(List.of("backing", "stage", "mirror", "external"));
      case "owners" -> tables(List.of("owner", "frames"));
      case "tlb" -> tables(List.of("cache"));
      case "locks" -> locks();
      case "events" -> events();
      case "list" -> list();
      default -> out.println(Nearest.refusal("command", words[0], WORDS));
    }
    return true;
  }

  /** Returns the word that begins so, if only one does. */
  private static String word(String begun) {
    List<String> meant = WORDS.stream().filter(w -> w.startsWith(begun)).toList();
    return WORDS.contains(begun) ? begun : meant.size() == 1 ? meant.getFirst() : begun;
  }

  private static int number(String[] words, int otherwise) {
    return words.length > 1 && words[1].matches("\\d{1,9}")
        ? Integer.parseInt(words[1])
        : otherwise;
  }

  private void to(int step) {
    walk.go(step);
    here();
  }

  private void here() {
    if (walk.at() < 0) {
      out.println("before the first step");
      return;
    }
    JsonNode s = walk.step(walk.at());
    out.println(text(walk.at()));
    if (s.has("expected")) {
      out.println("  expected " + s.get("expected").asString());
    }
    int changed = s.path("state").size();
    out.println("  events=" + s.get("events").size() + " changed=" + changed);
  }

  private String text(int step) {
    JsonNode s = walk.step(step);
    String lane = s.path("lane").asString("");
    String result = s.get("result").asString();
    return "#%d line %d %s%s%s"
        .formatted(
            step + 1,
            s.get("line").asInt(),
            lane.isEmpty() ? "" : "[" + lane + "] ",
            s.get("call").asString().strip(),
            result.isEmpty() ? "" : " = " + result);
  }

  private void go(String[] words) {
    if (words.length < 2 || !words[1].matches("#?\\d{1,9}")) {
      out.println("go LINE, or go #STEP");
    } else if (words[1].startsWith("#")) {
      to(Integer.parseInt(words[1].substring(1)) - 1);
    } else {
      int line = Integer.parseInt(words[1]);
      for (int i = 0; i < walk.steps(); i++) {
        if (walk.step(i).get("line").asInt() == line) {
          to(i);
          return;
        }
      }
      out.println("no step has line " + line);
    }
  }

  private void until(String[] words) {
    if (words.length < 3) {
      out.println("until hook NAME, until status WORD, until gfn N, or until pfn N");
      return;
    }
    String what = words[2];
    Predicate<JsonNode> found =
        switch (words[1]) {
          case "hook" -> s -> any(s, e -> e.get("name").asString().equals(what));
          case "status" ->
              s ->
                  s.get("result").asString().contains(what)
                      || any(s, e -> (e.get("name").asString() + e.get("result")).contains(what));
          case "gfn", "pfn" -> page(words[1].equals("pfn"), what);
          default -> s -> false;
        };
    for (int i = walk.at() + 1; i < walk.steps(); i++) {
      if (found.test(walk.step(i))) {
        to(i);
        return;
      }
    }
    out.println("no later step: " + String.join(" ", words));
  }

  private static boolean any(JsonNode step, Predicate<JsonNode> event) {
    for (JsonNode e : step.get("events")) {
      if (event.test(e)) {
        return true;
      }
    }
    return false;
  }

  private Predicate<JsonNode> page(boolean frame, String text) {
    long page;
    try {
      page = Long.decode(text);
    } catch (NumberFormatException e) {
      out.println("a number expected: " + text);
      return _ -> false;
    }
    return s -> {
      for (JsonNode c : s.path("state")) {
        boolean byFrame = walk.table(c.get(0).asInt()).get("role").asString().equals("frames");
        long from = byFrame == frame ? c.get(1).asLong() : frame ? c.get(4).asLong() : -1;
        if (from >= 0 && page >= from && page < from + c.get(2).asLong()) {
          return true;
        }
      }
      return false;
    };
  }

  private void tables(List<String> roles) {
    for (int i = 0; i < walk.tables(); i++) {
      JsonNode table = walk.table(i);
      String role = table.get("role").asString();
      if (!roles.contains(role)) {
        continue;
      }
      String vm = table.get("vm").asString();
      out.println((vm.isEmpty() ? "" : "VM " + vm + " ") + table.get("name").asString() + ":");
      String unit = role.equals("frames") ? "pfn" : "gfn";
      for (RunWalk.Range r : walk.ranges(i)) {
        JsonNode v = walk.value(r);
        int order = v.path("order").asInt(0);
        out.println(
            "  %s 0x%x..0x%x  %s%s%s%s"
                .formatted(
                    unit,
                    r.first(),
                    r.end(),
                    order == 9 ? "2M " : order == 18 ? "1G " : "",
                    v.get("state").asString(),
                    r.leads() < 0 ? "" : " -> 0x" + Long.toHexString(r.leads()),
                    v.has("marks") ? " " + v.get("marks") : ""));
      }
    }
  }

  private void locks() {
    JsonNode held = walk.at() < 0 ? null : walk.step(walk.at()).get("held");
    if (held == null || held.isEmpty()) {
      out.println("no lock is known to be held");
      return;
    }
    held.forEachEntry((who, locks) -> out.println("  " + who + " holds " + locks));
  }

  private void events() {
    if (walk.at() < 0) {
      return;
    }
    for (JsonNode e : walk.step(walk.at()).get("events")) {
      out.println(
          "  "
              + "  ".repeat(e.get("depth").asInt())
              + e.get("kind").asString()
              + " "
              + e.get("name").asString()
              + "("
              + e.get("arguments").asString()
              + ")"
              + (e.get("result").asString().isEmpty() ? "" : " = " + e.get("result").asString()));
    }
  }

  private void list() {
    for (int i = Math.max(0, walk.at() - 4); i < Math.min(walk.steps(), walk.at() + 6); i++) {
      out.println((i == walk.at() ? "> " : "  ") + text(i));
    }
  }
}
