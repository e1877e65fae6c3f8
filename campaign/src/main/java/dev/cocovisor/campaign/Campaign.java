package dev.cocovisor.campaign;

import com.hazelcast.core.HazelcastInstanceNotActiveException;
import dev.cocovisor.campaign.cluster.Making;
import dev.cocovisor.campaign.cluster.Member;
import dev.cocovisor.campaign.file.CampaignException;
import dev.cocovisor.campaign.work.Breakage;
import dev.cocovisor.campaign.work.Codec;
import dev.cocovisor.campaign.work.Course;
import dev.cocovisor.campaign.work.Item;
import dev.cocovisor.campaign.work.KeptProgram;
import dev.cocovisor.campaign.work.Plan;
import dev.cocovisor.campaign.work.Result;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Runs a campaign from where its folder is to its end.
 *
 * <p>The one who runs it keeps the folder and says which items come next; it makes items like any
 * other member. When it ends too early, what was kept is in the folder, and running the campaign
 * again goes on from there.
 */
public final class Campaign {
  private static final long LOOK_MILLIS = 200;
  private static final long STATUS_MILLIS = 1_000;

  /** How a campaign ended. */
  public enum End {
    /** All is done. */
    DONE,
    /** Some searches made as many schedules as they may, and saw not all. */
    STOPPED_SEARCHES,
    /** Its time was over. */
    TIME,
    /** Somebody asked. */
    ASKED
  }

  private final Plan plan;
  private final Folder folder;
  private final Totals totals = new Totals();
  private final Course course;
  private final BiConsumer<Breakage, Path> told;
  private final Consumer<Map<String, Object>> progress;
  private final long began = System.nanoTime();
  private long madeHere;
  private long spoke;

  /**
   * Prepares it.
   *
   * @param told told of each finding as it comes, and of its file
   * @param progress told about once a second how far it is
   */
  public Campaign(
      Plan plan,
      Folder folder,
      BiConsumer<Breakage, Path> told,
      Consumer<Map<String, Object>> progress) {
    this.plan = plan;
    this.folder = folder;
    this.told = told;
    this.progress = progress;
    this.course = new Course(plan);
  }

  /** Runs it. */
  public End run(Member member) {
    try (Making making = Making.begin(member)) {
      List<Item> items = course.first();
      for (int round = 0; !items.isEmpty(); round++) {
        End early = make(member, making, items, round);
        if (early != null) {
          say(member, "stopped", round, 0, 0);
          return early;
        }
        making.forget();
        for (Item i : items) {
          course.take(
              Objects.requireNonNull(folder.kept(i.toString()), "an item without a result"));
        }
        items = course.next();
        keepCorpus();
      }
      say(member, "done", 0, 0, 0);
    } catch (HazelcastInstanceNotActiveException e) {
      throw couldNotGoOn(member, e);
    }
    return course.stopped() ? End.STOPPED_SEARCHES : End.DONE;
  }

  /** Has the items of a round made; returns why it ended before all were, or null. */
  private @Nullable End make(Member member, Making making, List<Item> items, int round) {
    folder.begin(items.stream().map(Item::toString).collect(Collectors.toSet()));
    var open = new HashSet<String>();
    List<Item> more = new ArrayList<>();
    for (Item i : items) {
      Result kept = folder.kept(i.toString());
      if (kept != null) {
        count(kept);
      } else if (open.add(i.toString())) {
        more.add(i);
      }
    }
    making.add(more, course.shared());
    while (true) {
      Map<String, Result> fresh = making.fresh(open);
      fresh.forEach((item, result) -> {
        if (open.remove(item)) {
          folder.keep(result);
          count(result);
        }
      });
      making.forget(fresh.keySet());
      if (open.isEmpty()) {
        return null;
      }
      Throwable failed = making.failure();
      if (failed != null || !member.isRunning()) {
        throw couldNotGoOn(member, failed);
      }
      End early =
          folder.stopAsked() || member.stopAsked() ? End.ASKED : timeIsOver() ? End.TIME : null;
      if (early != null) {
        return early;
      }
      if (millis() - spoke >= STATUS_MILLIS) {
        say(member, "running", round, items.size() - open.size(), items.size());
      }
      sleep();
    }
  }

  private static CampaignException couldNotGoOn(Member member, @Nullable Throwable why) {
    return new CampaignException(
        "the members could not go on ("
            + (why == null || !member.isRunning() ? "this one was ended" : why.getMessage())
            + "); what was made is kept: run the campaign again with the same folder",
        why);
  }

  private void count(Result r) {
    long before = totals.work();
    int number = totals.found().size();
    for (Breakage f : totals.add(r, plan.tasks().get(Item.parse(r.item()).task()).technology())) {
      number++;
      told.accept(f, folder.keep(f, number));
    }
    madeHere += totals.work() - before;
  }

  private void keepCorpus() {
    for (int task = 0; task < plan.tasks().size(); task++) {
      List<KeptProgram> corpus = course.corpus(task);
      if (corpus != null) {
        folder.keep(task, corpus);
      }
    }
  }

  private void say(Member member, String state, int round, int done, int of) {
    spoke = millis();
    double seconds = Math.max(0.001, spoke / 1000.0);
    var status = new LinkedHashMap<String, Object>();
    status.put("format", "cocovisor.campaign-status");
    status.put("version", 1);
    status.put("campaign", plan.file().name());
    status.put("state", state);
    status.put("members", member.isRunning() ? member.members() : 0);
    status.put("addresses", member.isRunning() ? member.addresses() : List.of());
    status.put("round", round);
    status.put("round_done", done);
    status.put("round_items", of);
    status.put("work", totals.work());
    status.put("schedules", totals.schedules());
    status.put("programs", totals.programs());
    status.put("calls", totals.calls());
    status.put("rules", totals.rules());
    status.put("outcomes", totals.outcomes());
    status.put("steps_reached", course.reached());
    status.put("rules_covered", totals.ruled().size());
    status.put("schedule_pairs", totals.pairs().size());
    status.put("searches_whole", course.exhausted());
    status.put("findings", totals.found().size());
    status.put("seconds", Math.round(seconds * 10) / 10.0);
    status.put("items_per_second", Math.round(madeHere / seconds * 10) / 10.0);
    status.put("eta_seconds", done > 0 ? Math.round(seconds / done * (of - done)) : 0);
    status.put("found", totals.found().stream().map(f -> f.kind() + " in " + f.where()).toList());
    folder.coverage(totals.ruled(), totals.pairs());
    folder.status(status);
    if (member.isRunning()) {
      member.tell(Codec.json(status));
    }
    progress.accept(status);
  }

  private boolean timeIsOver() {
    return millis() >= TimeUnit.SECONDS.toMillis(plan.file().seconds());
  }

  private long millis() {
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
  }

  private static void sleep() {
    try {
      Thread.sleep(LOOK_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CampaignException("interrupted; what was made is kept", e);
    }
  }

  /** Returns what it amounts to so far. */
  public Totals totals() {
    return totals;
  }
}
