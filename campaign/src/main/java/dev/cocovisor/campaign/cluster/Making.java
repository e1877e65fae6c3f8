package dev.cocovisor.campaign.cluster;

import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.jet.Job;
import com.hazelcast.jet.config.JobConfig;
import com.hazelcast.jet.config.ProcessingGuarantee;
import com.hazelcast.jet.pipeline.Pipeline;
import com.hazelcast.jet.pipeline.ServiceFactories;
import com.hazelcast.jet.pipeline.ServiceFactory;
import com.hazelcast.jet.pipeline.Sinks;
import com.hazelcast.jet.pipeline.SourceBuilder;
import com.hazelcast.jet.pipeline.StreamSource;
import com.hazelcast.map.IMap;
import dev.cocovisor.campaign.work.Codec;
import dev.cocovisor.campaign.work.Engine;
import dev.cocovisor.campaign.work.Item;
import dev.cocovisor.campaign.work.Result;
import java.io.Serializable;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Items being made, by all members there are.
 *
 * <p>A Jet job hands the items out, one behind the other; its snapshots keep how far. When a member
 * goes or comes the job begins again at its last snapshot, on the members that are there then.
 * Items whose results are kept are passed over, and a result is kept under its item: so nothing is
 * lost, and nothing counts twice.
 */
public final class Making implements AutoCloseable {
  private static final long SNAPSHOT_MILLIS = 1_000;
  private static final int AT_ONCE = 64;
  private static final int MOST = 1_000;

  /** The number under which the number of the first item is that is not of a round before. */
  private static final Integer FIRST = -1;

  private final HazelcastInstance instance;
  private final IMap<Integer, String> items;
  private final IMap<String, String> results;
  private final IMap<String, String> shared;
  private final Job job;
  private int added;
  private int forgotten;

  private Making(HazelcastInstance instance, Job job) {
    this.instance = instance;
    this.items = instance.getMap(Member.ITEMS);
    this.results = instance.getMap(Member.RESULTS);
    this.shared = instance.getMap(Member.SHARED);
    this.job = job;
  }

  /** Begins; items that somebody before left unmade are forgotten, results are not. */
  public static Making begin(Member member) {
    HazelcastInstance instance = member.instance();
    instance.getJet().getJobs().forEach(Job::cancel);
    instance.getMap(Member.ITEMS).clear();
    var config = new JobConfig();
    config.setProcessingGuarantee(ProcessingGuarantee.AT_LEAST_ONCE);
    config.setSnapshotIntervalMillis(SNAPSHOT_MILLIS);
    return new Making(instance, instance.getJet().newJob(pipeline(member.workers()), config));
  }

  private static Pipeline pipeline(int workers) {
    Pipeline p = Pipeline.create();
    p.readFrom(source())
        .withoutTimestamps()
        .rebalance()
        .mapUsingService(makers(), Maker::make)
        .setLocalParallelism(workers)
        .writeTo(Sinks.map(Member.RESULTS, Made::item, Made::result));
    return p;
  }

  private static StreamSource<String> source() {
    return SourceBuilder.stream("items", c -> new Hand(c.hazelcastInstance().getMap(Member.ITEMS)))
        .<String>fillBufferFn((hand, buffer) -> {
          String item = hand.next();
          for (int i = 1; item != null; i++) {
            buffer.add(item);
            item = i < AT_ONCE ? hand.next() : null;
          }
        })
        .createSnapshotFn(hand -> hand.given)
        .restoreSnapshotFn((hand, given) -> hand.goOn(given.getFirst()))
        .build();
  }

  private static ServiceFactory<?, Maker> makers() {
    return ServiceFactories.<Maker>sharedService(c -> new Maker(c.hazelcastInstance()))
        .toNonCooperative();
  }

  /** Hands items out in the order of their numbers; those of rounds that are over are gone. */
  private static final class Hand {
    private final IMap<Integer, String> items;
    private int given;

    Hand(IMap<Integer, String> items) {
      this.items = items;
      goOn(0);
    }

    void goOn(int number) {
      String first = items.get(FIRST);
      given = Math.max(number, first == null ? 0 : Integer.parseInt(first));
    }

    @Nullable String next() {
      String item = items.get(given);
      given += item == null ? 0 : 1;
      return item;
    }
  }

  /** An item and its result, as text. */
  private record Made(String item, String result) implements Serializable {}

  /** Makes items on a member, but those whose results are kept already. */
  private static final class Maker {
    private final Engine engine;
    private final IMap<String, String> results;

    Maker(HazelcastInstance instance) {
      Object engine = instance.getUserContext().get(Member.ENGINE);
      this.engine = (Engine) Objects.requireNonNull(engine, "a member without an engine");
      this.results = instance.getMap(Member.RESULTS);
    }

    Made make(String item) {
      String kept = results.get(item);
      return new Made(item, kept != null ? kept : Codec.text(engine.make(Item.parse(item))));
    }
  }

  /**
   * Adds items to make.
   *
   * @param known what searches know of shared places
   */
  public void add(List<Item> more, Map<String, String> known) {
    shared.clear();
    shared.setAll(known);
    for (Item i : more) {
      items.set(added++, i.toString());
    }
  }

  /** Returns the results there are of items that somebody waits for, some of them at once. */
  public Map<String, Result> fresh(Set<String> open) {
    var wanted =
        results.keySet().stream().filter(open::contains).limit(MOST).collect(Collectors.toSet());
    var all = new HashMap<String, Result>();
    results.getAll(wanted).forEach((item, text) -> all.put(item, Codec.result(text)));
    return all;
  }

  /** Forgets results that are kept elsewhere; one that comes once more is nobody's. */
  public void forget(Set<String> kept) {
    kept.forEach(results::delete);
  }

  /** Returns why the members stopped making items; null if they did not. */
  public @Nullable Throwable failure() {
    if (!job.getFuture().isDone()) {
      return null;
    }
    try {
      var _ = job.getFuture().join();
      return new CancellationException("the job was ended by somebody else");
    } catch (CompletionException e) {
      return e.getCause() == null ? e : e.getCause();
    } catch (CancellationException e) {
      return e;
    }
  }

  /** Forgets the results of items that nobody asks for any more. */
  public void forget() {
    items.set(FIRST, Integer.toString(added));
    results.clear();
    for (; forgotten < added; forgotten++) {
      items.delete(forgotten);
    }
  }

  /** Ends it. Results that were made stay until the members end. */
  @Override
  public void close() {
    if (instance.getLifecycleService().isRunning() && !job.getFuture().isDone()) {
      job.cancel();
    }
  }
}
