package dev.cocovisor.script.compare;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.api.vmm.VmmTopic;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.scenario.HostView;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioRun;
import dev.cocovisor.script.scenario.ScenarioStep;
import dev.cocovisor.script.scenario.ScenarioStory;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.Outcome;
import dev.cocovisor.vmm.Technologies;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
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
  private final @Nullable String technology;
  private final Technologies technologies;
  private final Map<String, String> settings;
  private final Map<String, Found> found = new LinkedHashMap<>();

  private Aftermath(
      Scenario scenario,
      @Nullable String technology,
      Technologies technologies,
      Map<String, String> settings) {
    this.scenario = scenario;
    this.technology = technology;
    this.technologies = technologies;
    this.settings = settings;
  }

  /** Looks at the pages a run wrote; by what a row tells. */
  static Map<String, Found> of(
      Scenario scenario,
      @Nullable String technology,
      Technologies technologies,
      Map<String, String> settings,
      Collection<ScenarioStep> steps) {
    var aftermath = new Aftermath(scenario, technology, technologies, settings);
    int end = 0;
    var story = new ScenarioStory();
    for (ScenarioStep s : steps) {
      if (s.step() instanceof Step.Teardown) {
        end = s.call().line();
        break;
      }
      story.done(s);
    }
    List<ScenarioStory.Page> pages = story.pages();
    aftermath.look(pages.subList(0, Math.min(pages.size(), MOST_PAGES)), story, end);
    return aftermath.found;
  }

  private void look(List<ScenarioStory.Page> pages, ScenarioStory story, int end) {
    for (ScenarioStory.Page p : pages) {
      VmmTopic topic = story.topicOf(new Step.Read(p.vm(), 0, p.at(), p.shared()));
      String name = "guest keeps " + name(p) + (p.shared() ? " (shared now)" : "");
      found.put(name, new Found(ask(end, run -> guestKeeps(run, p)), topic));
    }
    for (ScenarioStory.Page p : pages) {
      String user = ask(end, run -> vmmReads(run, p));
      found.put("VMM reads " + name(p), new Found(user, VmmTopic.HOST_USER));
    }
    for (ScenarioStory.Page p : pages) {
      String frame = ask(end, run -> kernelReads(run, p));
      found.put("kernel reads " + name(p), new Found(frame, VmmTopic.DIRECT_MAP));
    }
    if (end > 0) {
      for (ScenarioStory.Page p : pages) {
        String frame = ask(0, run -> kernelReads(run, p));
        found.put("after the end " + name(p), new Found(frame, VmmTopic.TEARDOWN));
      }
    }
  }

  /** Runs the scenario up to a line and asks what is there then. */
  private String ask(int end, Function<ScenarioRun, String> question) {
    try (var run = new ScenarioRun(scenario.upTo(end), technologies, technology, settings)) {
      run.run(_ -> {});
      return question.apply(run);
    }
  }

  private static String name(ScenarioStory.Page p) {
    return (p.vm() == 1 ? "" : "VM " + p.vm() + " ") + "0x" + Long.toHexString(p.at());
  }

  private static String guestKeeps(ScenarioRun run, ScenarioStory.Page p) {
    Guest guest = run.guest(p.vm());
    if (guest == null) {
      return "no guest";
    }
    Outcome.Told first = guest.read(0, p.at(), p.shared());
    if (first.done()) {
      return kept(first.value(), p.value());
    }
    if (!p.shared()) {
      var _ = guest.accept(0, p.at(), PageLevel.PAGE_SIZE, PageLevel.PG_4K);
      Outcome.Told second = guest.read(0, p.at(), false);
      if (second.done()) {
        return second.value() == p.value()
            ? "kept once accepted again"
            : "destroyed, must accept again";
      }
    }
    return "out of reach: " + ending(first);
  }

  private static String kept(long value, int wrote) {
    return value == wrote ? "kept" : value == 0 ? "zeroed" : "became " + value;
  }

  private static String ending(Outcome.Told told) {
    return switch (told.answer()) {
      case GuestAnswer.Refused r -> r.says();
      case GuestAnswer.AsksHost a -> a.exit().name();
      case GuestAnswer.Stopped(Errno errno, Exit exit) ->
          exit instanceof Exit.Unknown && !errno.ok() ? "-1 " + errno : exit.name();
      case GuestAnswer.Done _ -> "done";
    };
  }

  private static String vmmReads(ScenarioRun run, ScenarioStory.Page p) {
    Guest guest = run.guest(p.vm());
    long ret = guest == null || !guest.live() ? -Errno.EBADF.number() : guest.hostRead(p.at());
    return LogWriter.result(CallRunner.touched(ret).result());
  }

  private static String kernelReads(ScenarioRun run, ScenarioStory.Page p) {
    if (run.guest(p.vm()) == null) {
      return "no frame";
    }
    HostView.Seen seen = run.peek(p.vm(), p.at());
    return switch (seen.how()) {
      case null -> "no frame";
      case ALLOWED ->
          seen.value() == 0 ? "zeros" : seen.value() == p.value() ? "plain text" : "other bytes";
      case CIPHERTEXT -> "ciphertext";
      case POISON -> "poison";
      case UNMAPPED -> "fault (not mapped)";
      case FAULT -> "fault";
    };
  }
}
