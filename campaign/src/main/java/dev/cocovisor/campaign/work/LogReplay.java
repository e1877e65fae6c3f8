package dev.cocovisor.campaign.work;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.script.replay.KvmLogReplayer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/** Replays a log of a campaign. */
final class LogReplay {
  private static final int SHOWN = 5;

  private final Plan plan;
  private final Task.Replay task;
  private final Engine.Tally tally;

  LogReplay(Plan plan, Task.Replay task, Engine.Tally tally) {
    this.plan = plan;
    this.task = task;
    this.tally = tally;
  }

  void make() {
    List<Mismatch> wrong = new ArrayList<>();
    ReplaySummary seen;
    try {
      seen =
          replayer()
              .replay(
                  plan.source(task.log()),
                  ReplayOptions.ALL,
                  m -> {
                    if (wrong.size() < SHOWN) {
                      wrong.add(m);
                    }
                  });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    tally.programs = seen.programs();
    tally.calls = seen.calls();
    if (seen.mismatches() > 0) {
      var text = new StringBuilder("./cocovisor replay ").append(task.log()).append("\n\n");
      for (Mismatch m : wrong) {
        text.append(m.log()).append(':').append(m.line()).append(": ").append(m.call());
        text.append("\n  expected ").append(m.expected()).append("\n  got      ").append(m.got());
        text.append('\n');
      }
      tally.found.add(
          new Breakage(
              "mismatches", task.name(), seen.mismatches() + " answers differ", "txt", text + ""));
    }
  }

  private LogReplayer replayer() {
    String name = task.log().replaceFirst("\\.gz$", "");
    for (Backend b : plan.technologies().backends()) {
      for (LogReplayer r : b.replayers()) {
        if (name.endsWith("." + r.suffix())) {
          return r;
        }
      }
    }
    return new KvmLogReplayer(plan.technologies()).withSettings(task.settings());
  }
}
