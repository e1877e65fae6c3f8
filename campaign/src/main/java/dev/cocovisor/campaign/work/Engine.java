package dev.cocovisor.campaign.work;

import dev.cocovisor.api.Backend;
import dev.cocovisor.explore.Explorer;
import dev.cocovisor.explore.Finding;
import dev.cocovisor.explore.FindingFile;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.explore.Portion;
import dev.cocovisor.explore.Portions;
import dev.cocovisor.explore.Report;
import dev.cocovisor.explore.ScenarioSubject;
import dev.cocovisor.explore.Slice;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.explore.library.Library;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.tck.TckRun;
import dev.cocovisor.tck.report.RuleResult;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Makes items. Threads may make different ones at the same time.
 *
 * <p>What goes wrong while an item is made, in a backend or in Cocovisor, is a finding of the item;
 * nothing that an item does ends the campaign.
 */
public final class Engine {
  /** So many searches are kept ready; making one ready tries all orders of whole calls. */
  private static final int READY = 64;

  private final Plan plan;
  private final Function<String, String> shared;
  private final Map<Integer, Portions> ready =
      new LinkedHashMap<>(READY, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Integer, Portions> eldest) {
          return size() > READY;
        }
      };

  /**
   * Makes an engine.
   *
   * @param shared gives what {@link Course#shared} says
   */
  public Engine(Plan plan, Function<String, String> shared) {
    this.plan = plan;
    this.shared = shared;
  }

  /** Makes an item. */
  public Result make(Item item) {
    long began = System.nanoTime();
    Task task = plan.tasks().get(item.task());
    Tally t = new Tally(item);
    try {
      switch (task) {
        case Task.Explore e -> explore(item, e, t);
        case Task.Programs p -> new ProgramRuns(plan, p, t).make(item.what());
        case Task.Kit k -> judge(k, item.what(), t);
        case Task.Replay r -> new LogReplay(plan, r, t).make();
      }
    } catch (RuntimeException | Error e) {
      t.found.add(failure(task, item, e));
    }
    return t.result(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began));
  }

  /** What an item gave so far. */
  static final class Tally {
    private final Item item;
    final TreeSet<String> ruled = new TreeSet<>();
    final TreeSet<String> pairs = new TreeSet<>();
    final TreeMap<String, Long> outcomes = new TreeMap<>();
    final List<Breakage> found = new ArrayList<>();
    final List<KeptProgram> reached = new ArrayList<>();
    List<String> rest = List.of();
    String learnt = "";
    boolean judged = true;
    long schedules;
    long programs;
    long calls;
    long rules;

    Tally(Item item) {
      this.item = item;
    }

    Result result(long millis) {
      return new Result(
          item.toString(),
          schedules,
          programs,
          calls,
          rules,
          ruled,
          pairs,
          outcomes,
          found,
          rest,
          learnt,
          judged,
          reached,
          millis);
    }
  }

  private void explore(Item item, Task.Explore e, Tally t) {
    int blank = item.what().indexOf(' ');
    String again = item.what().substring(0, blank);
    List<Finding> findings;
    if (Portions.isPortioned(e.search())) {
      String known = shared.apply(Course.sharedKey(item.task(), Integer.parseInt(again)));
      var portion = new Portion(known, item.what().substring(blank + 1));
      Slice slice = portions(item.task(), e).make(portion, e.slice());
      t.schedules = slice.schedules();
      t.outcomes.putAll(slice.outcomes());
      t.pairs.addAll(slice.pairs());
      t.rest = slice.rest().stream().map(Portion::way).toList();
      t.learnt = slice.learnt();
      t.judged = slice.judged();
      findings = slice.findings();
    } else {
      Report r =
          new Explorer(limits().withSchedules(e.most()), e.answersMatter())
              .withPairs()
              .explore(subject(e), e.search());
      t.schedules = r.schedules();
      t.outcomes.putAll(r.outcomes());
      t.pairs.addAll(r.pairs());
      findings = r.findings();
    }
    findings.forEach(f -> t.found.add(found(e, f)));
  }

  private static Limits limits() {
    return Limits.DEFAULT.withMillis(Long.MAX_VALUE);
  }

  private Portions portions(int number, Task.Explore e) {
    synchronized (ready) {
      Portions p = ready.get(number);
      if (p != null) {
        return p;
      }
    }
    Portions made =
        new Explorer(limits(), e.answersMatter())
            .withPairs()
            .portions(subject(e), e.search(), Set.of());
    synchronized (ready) {
      var _ = ready.putIfAbsent(number, made);
    }
    return made;
  }

  private Subject subject(Task.Explore e) {
    return e.scenario() == null
        ? new Library(plan.technologies().require(e.technology())).subject(e.operations())
        : new ScenarioSubject(
            plan.scenarioOf(e), plan.technologies(e.bug()), e.technology(), e.settings());
  }

  /** A finding of an exploration is a scenario that `run` follows in the order that shows it. */
  private Breakage found(Task.Explore e, Finding f) {
    Scenario scenario = e.scenario() == null ? null : plan.scenarioOf(e);
    String bug = e.bug() == null ? "" : e.bug();
    String text =
        new FindingFile(e.technology(), e.settings(), bug, e.meeting(), scenario)
            .text(f, 0, !e.answersMatter(), "");
    return new Breakage(f.kind(), e.title() + " on " + e.technology(), f.what(), "kvmlog", text);
  }

  private void judge(Task.Kit k, String rule, Tally t) {
    Backend backend = plan.technologies().require(k.technology()).backend();
    var subject =
        dev.cocovisor.tck.subject.JudgedBackend.of(Objects.requireNonNull(backend))
            .withSettings(k.settings());
    var _ =
        TckRun.run(
            subject,
            List.of(rule),
            TckRun.LIMIT,
            r -> {
              t.rules++;
              t.ruled.add(r.id());
              if (r.outcome() == RuleResult.Outcome.FAILED) {
                String set =
                    k.settings().entrySet().stream()
                        .map(s -> " --set " + s.getKey() + "=" + s.getValue())
                        .collect(Collectors.joining());
                t.found.add(
                    new Breakage(
                        "rule " + rule,
                        k.name(),
                        r.name() + ": " + r.message(),
                        "txt",
                        "./cocovisor tck "
                            + k.technology()
                            + " --rule "
                            + rule
                            + set
                            + "\n\n"
                            + r.name()
                            + "\n"
                            + r.message()
                            + "\nsource: "
                            + r.source()
                            + "\n"));
              }
            });
  }

  private static Breakage failure(Task task, Item item, Throwable e) {
    var trace = new StringWriter();
    e.printStackTrace(new PrintWriter(trace, true));
    return new Breakage(
        Finding.kindOf(e.toString()),
        task.name(),
        e.toString(),
        "txt",
        "item " + item + "\n" + trace);
  }
}
