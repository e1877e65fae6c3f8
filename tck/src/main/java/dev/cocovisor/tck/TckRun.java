package dev.cocovisor.tck;

import dev.cocovisor.tck.bench.Spectator;
import dev.cocovisor.tck.report.RuleResult;
import dev.cocovisor.tck.report.RuleResult.Outcome;
import dev.cocovisor.tck.rules.Rule;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.opentest4j.TestAbortedException;

/** Runs rules on a subject, outside of any build. */
public final class TckRun {
  /** How long a rule may take. */
  public static final Duration LIMIT = Duration.ofSeconds(60);

  private TckRun() {}

  /** The rules on a subject given. */
  private static final class Judge extends BackendTck {
    private final JudgedBackend subject;
    private final Spectator spectator;

    Judge(JudgedBackend subject, Spectator spectator) {
      this.subject = subject;
      this.spectator = spectator;
    }

    @Override
    public Spectator spectator() {
      return spectator;
    }

    @Override
    public JudgedBackend subject() {
      return subject;
    }
  }

  /** Runs all rules; returns their results by id. */
  public static List<RuleResult> run(JudgedBackend subject) {
    return run(subject, RuleList.ids(List.of()), LIMIT, _ -> {});
  }

  /**
   * Runs rules, one after another.
   *
   * @param ids which ones
   * @param limit how long each may take; one that takes longer has failed and is given up
   * @param each told of each result as it comes
   */
  public static List<RuleResult> run(
      JudgedBackend subject, Collection<String> ids, Duration limit, Consumer<RuleResult> each) {
    List<RuleResult> results = new ArrayList<>();
    for (String id : ids) {
      RuleResult result = run(subject, id, limit, Spectator.NONE);
      results.add(result);
      each.accept(result);
    }
    return List.copyOf(results);
  }

  /**
   * Runs one rule while somebody looks on.
   *
   * @param id which one
   * @param limit how long it may take
   */
  public static RuleResult run(
      JudgedBackend subject, String id, Duration limit, Spectator spectator) {
    Method rule = Objects.requireNonNull(RuleList.all().get(id), () -> "no rule " + id);
    return judge(new Judge(subject, spectator), rule, limit);
  }

  private static RuleResult judge(Judge judge, Method rule, Duration limit) {
    AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
    CountDownLatch over = new CountDownLatch(1);
    long start = System.nanoTime();
    // A thread of its own, so that a rule that never ends can be given up.
    Thread thread =
        Thread.ofPlatform()
            .daemon()
            .name("rule " + rule.getName())
            .start(() -> {
              try {
                rule.invoke(judge);
              } catch (InvocationTargetException e) {
                thrown.set(e.getCause());
              } catch (IllegalAccessException e) {
                thrown.set(e);
              } finally {
                over.countDown();
              }
            });
    boolean ended;
    try {
      ended = over.await(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      ended = false;
    }
    if (!ended) {
      thrown.set(new AssertionError("no end within " + limit.toSeconds() + " s, " + at(thread)));
      thread.interrupt();
    }
    return result(judge, rule, thrown.get(), System.nanoTime() - start);
  }

  private static String at(Thread thread) {
    for (StackTraceElement e : thread.getStackTrace()) {
      if (!e.getClassName().startsWith("java.") && !e.getClassName().startsWith("jdk.")) {
        return "last seen in " + e;
      }
    }
    return "nowhere to be seen";
  }

  private static RuleResult result(
      Judge judge, Method method, @Nullable Throwable thrown, long nanos) {
    Rule rule = Objects.requireNonNull(method.getAnnotation(Rule.class));
    List<String> refusals = judge.notes().refusals();
    Outcome outcome =
        switch (thrown) {
          case null -> refusals.isEmpty() ? Outcome.SHOWN : Outcome.REFUSED;
          case TestAbortedException _ -> Outcome.UNJUDGED;
          default -> Outcome.FAILED;
        };
    String message = thrown == null ? String.join("; ", refusals) : said(thrown);
    return new RuleResult(rule.id(), RuleList.name(method), rule.source(), outcome, message, nanos);
  }

  private static String said(Throwable t) {
    return (t instanceof AssertionError || t instanceof TestAbortedException)
            && t.getMessage() != null
        ? t.getMessage()
        : t.toString();
  }
}
