package dev.cocovisor.cli;

import dev.cocovisor.api.vmm.VmmTopic;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioStep;
import dev.cocovisor.script.scenario.ScenarioStory;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/**
 * What is left when a scenario is over: what the guest still has of what it wrote, and what the
 * host can read of it.
 *
 * <p>Found out by looking, in runs of their own: the model is deterministic, so the scenario is run
 * again up to its end, or up to the end of its VM, and then the guest reads its pages (and accepts
 * them where it cannot) and the host peeks. So looking changes nothing of what is compared.
 */
final class Aftermath {
  private static final int MOST_PAGES = 6;

  /**
   * What was found.
   *
   * @param topic what a difference here is about
   */
  record Found(String text, VmmTopic topic) {}

  private final Scenario scenario;
  private final String backend;
  private final Scenarios world;
  private final Map<String, Found> found = new LinkedHashMap<>();

  private Aftermath(Scenario scenario, String backend, Scenarios world) {
    this.scenario = scenario;
    this.backend = backend;
    this.world = world;
  }

  /** Looks at the pages a run wrote; by what a row tells. */
  static Map<String, Found> of(
      Scenario scenario, String backend, Scenarios world, SortedMap<Integer, ScenarioStep> byLine) {
    var aftermath = new Aftermath(scenario, backend, world);
    int end = 0;
    var story = new ScenarioStory(scenario.name());
    for (ScenarioStep s : byLine.values()) {
      if (s.call().name().equals("vm_teardown")) {
        end = s.call().line();
        break;
      }
      story.done(s);
    }
    List<ScenarioStory.Page> pages = story.pages();
    pages = pages.subList(0, Math.min(pages.size(), MOST_PAGES));
    aftermath.look(pages, story, end);
    return aftermath.found;
  }

  private void look(List<ScenarioStory.Page> pages, ScenarioStory story, int end) {
    for (ScenarioStory.Page p : pages) {
      guestKeeps(p, story, end);
    }
    for (ScenarioStory.Page p : pages) {
      String user = answer(ask(end, peek(p, "user")));
      found.put("VMM reads " + name(p), new Found(user, VmmTopic.HOST_USER));
    }
    for (ScenarioStory.Page p : pages) {
      found.put("kernel reads " + name(p), new Found(frame(end, p), VmmTopic.DIRECT_MAP));
    }
    if (end > 0) {
      for (ScenarioStory.Page p : pages) {
        found.put("after the end " + name(p), new Found(frame(0, p), VmmTopic.TEARDOWN));
      }
    }
  }

  private static String name(ScenarioStory.Page p) {
    return (p.vm() == 1 ? "" : "VM " + p.vm() + " ") + "0x" + Long.toHexString(p.at());
  }

  private static String peek(ScenarioStory.Page p, String via) {
    return "host_peek(%d, {at=0x%x, via=%s})".formatted(p.vm(), p.at(), "\"" + via + "\"");
  }

  private void guestKeeps(ScenarioStory.Page p, ScenarioStory story, int end) {
    String at = "{at=0x%x%s}".formatted(p.at(), p.shared() ? ", shared=1" : "");
    String read = "vm_read(%d, %s)".formatted(p.vm(), at);
    String accept = "vm_accept(%d, {at=0x%x, size=0x1000})".formatted(p.vm(), p.at());
    List<ScenarioStep> asked = ask(end, "on()", read, accept, read);
    VmmTopic topic = story.topicOf(asked.get(asked.size() - 3).call());
    Long first = value(asked.get(asked.size() - 3));
    Long second = value(asked.getLast());
    String text;
    if (first != null) {
      text = kept(first, p.value());
    } else if (!p.shared() && second != null) {
      text = second == p.value() ? "kept once accepted again" : "destroyed, must accept again";
    } else {
      text = "out of reach: " + ending(asked.get(asked.size() - 3));
    }
    found.put(
        "guest keeps " + name(p) + (p.shared() ? " (shared now)" : ""), new Found(text, topic));
  }

  private static String kept(long value, int wrote) {
    return value == wrote ? "kept" : value == 0 ? "zeroed" : "became " + value;
  }

  private String frame(int end, ScenarioStory.Page p) {
    ScenarioStep s = ask(end, peek(p, "direct-map")).getLast();
    LogResult r = s.answered().result();
    if (r == null || r.error().equals("ENOENT")) {
      return "no frame";
    }
    LogResult.Exit exit = r.exit();
    String what = exit == null ? "" : exit.reason();
    return switch (what) {
      case "ALLOWED" ->
          LogWriter.value(r.value()).equals("0")
              ? "zeros"
              : LogWriter.value(r.value()).equals(Integer.toString(p.value()))
                  ? "plain text"
                  : "other bytes";
      case "CIPHERTEXT" -> "ciphertext";
      case "POISON" -> "poison";
      case "UNMAPPED" -> "fault (not mapped)";
      default -> "fault";
    };
  }

  private List<ScenarioStep> ask(int end, String... lines) {
    var steps = new ArrayList<ScenarioStep>();
    scenario
        .stoppedAt(end, List.of(lines))
        .run(backend, world.backends(), world.drivers(), steps::add);
    return steps;
  }

  private static String answer(List<ScenarioStep> steps) {
    return steps.getLast().got();
  }

  private static @Nullable Long value(ScenarioStep s) {
    LogResult r = s.answered().result();
    LogResult.Exit exit = r == null ? null : r.exit();
    if (exit == null || !exit.reason().equals("OK")) {
      return null;
    }
    for (Value.Field f : exit.fields()) {
      if (f.name().equals("value") && f.value() instanceof Value.Num n) {
        return n.value();
      }
    }
    return null;
  }

  private static String ending(ScenarioStep s) {
    LogResult r = s.answered().result();
    LogResult.Exit exit = r == null ? null : r.exit();
    return exit != null ? exit.reason() : s.got();
  }
}
