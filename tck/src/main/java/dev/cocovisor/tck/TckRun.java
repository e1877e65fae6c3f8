package dev.cocovisor.tck;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import dev.cocovisor.tck.report.RuleResult;
import dev.cocovisor.tck.rules.Rule;
import dev.cocovisor.tck.subject.Subject;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherConfig;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.opentest4j.TestAbortedException;

/** Runs all rules on a subject, outside of any build. */
public final class TckRun {
  private TckRun() {}

  /** The test class that is run; its subject is that of the thread that runs it. */
  @Tag("subject")
  static final class Selected extends BackendTck {
    // Inherited: a rule runs on a thread of its own, so that one that never ends can be given up.
    private static final InheritableThreadLocal<Subject> SUBJECT = new InheritableThreadLocal<>();

    @Override
    public Subject subject() {
      Subject subject = SUBJECT.get();
      if (subject == null) {
        throw new IllegalStateException("no subject is selected on this thread");
      }
      return subject;
    }
  }

  /** A subject that is judged on this thread until it is closed. */
  interface Selection extends AutoCloseable {
    @Override
    void close();
  }

  static Selection select(Subject subject) {
    Selected.SUBJECT.set(subject);
    return Selected.SUBJECT::remove;
  }

  /** Runs all rules on {@code subject}; returns their results by id. */
  public static List<RuleResult> run(Subject subject) {
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(selectClass(Selected.class))
            .configurationParameter("junit.jupiter.execution.parallel.enabled", "false")
            .build();
    Launcher launcher =
        LauncherFactory.create(
            LauncherConfig.builder()
                .enableTestExecutionListenerAutoRegistration(false)
                .enablePostDiscoveryFilterAutoRegistration(false)
                .build());
    Collector collector = new Collector();
    try (var _ = select(subject)) {
      launcher.execute(request, collector);
    }
    collector.results.sort(Comparator.comparing(RuleResult::id));
    return List.copyOf(collector.results);
  }

  /** Gathers results. */
  private static final class Collector implements TestExecutionListener {
    private final List<RuleResult> results = new ArrayList<>();
    private final Map<String, Long> started = new HashMap<>();

    @Override
    public void executionStarted(TestIdentifier test) {
      started.put(test.getUniqueId(), System.nanoTime());
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
      add(test, RuleResult.Outcome.SKIPPED, reason);
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      add(
          test,
          switch (result.getStatus()) {
            case SUCCESSFUL -> RuleResult.Outcome.PASSED;
            case ABORTED -> RuleResult.Outcome.SKIPPED;
            case FAILED -> RuleResult.Outcome.FAILED;
          },
          result.getThrowable().map(TckRun::said).orElse(""));
    }

    private void add(TestIdentifier test, RuleResult.Outcome outcome, String message) {
      Optional<Method> method =
          test.getSource()
              .filter(MethodSource.class::isInstance)
              .map(MethodSource.class::cast)
              .map(MethodSource::getJavaMethod);
      if (method.isEmpty()) {
        return;
      }
      Rule rule = method.get().getAnnotation(Rule.class);
      if (rule == null) {
        return;
      }
      long start = started.getOrDefault(test.getUniqueId(), System.nanoTime());
      results.add(
          new RuleResult(
              rule.id(),
              method.get().getName().replaceFirst("^required_[A-Z][0-9]+_", ""),
              rule.source(),
              outcome,
              message,
              System.nanoTime() - start));
    }
  }

  private static String said(Throwable t) {
    return (t instanceof AssertionError || t instanceof TestAbortedException)
            && t.getMessage() != null
        ? t.getMessage()
        : t.toString();
  }
}
