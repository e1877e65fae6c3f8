package dev.cocovisor.junit;

import dev.cocovisor.explore.Explorer;
import dev.cocovisor.explore.Finding;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.explore.Report;
import dev.cocovisor.explore.Schedule;
import dev.cocovisor.explore.Search;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.explore.Trial;
import java.lang.reflect.Method;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;
import org.junit.platform.commons.support.AnnotationSupport;

/** Calls the method of a test with {@link Explore} once for each order of its actors' steps. */
final class ExploreExtension implements InvocationInterceptor, ParameterResolver {
  /** The key of the report entry that tells how many orders there were. */
  static final String REPORT_KEY = "cocovisor.explore";

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return AnnotationSupport.isAnnotated(parameter.getDeclaringExecutable(), Explore.class);
  }

  /** JUnit's own call is left out: each order has actors, a host and guests of its own. */
  @Override
  public @Nullable Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return null;
  }

  @Override
  public void interceptTestMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context) {
    Explore asked =
        AnnotationSupport.findAnnotation(method.getExecutable(), Explore.class).orElseThrow();
    invocation.skip();
    Limits limits = Limits.DEFAULT.withSchedules(asked.schedules());
    Report report =
        new Explorer(limits, asked.judgesAnswers())
            .explore(subject(context, method), search(asked), Set.of());
    context.publishReportEntry(REPORT_KEY, report.summary());
    if (!report.findings().isEmpty()) {
      throw new AssertionError(text(report.findings().getFirst(), report));
    }
    boolean whole = report.exhaustive() || !asked.schedule().isEmpty();
    boolean drawn = asked.how() == Explore.How.PCT || asked.how() == Explore.How.POS;
    if (!whole && !drawn) {
      throw new AssertionError(
          report.summary()
              + ": this proves nothing; raise @Explore(schedules = "
              + asked.schedules()
              + "), lower the bound, or draw orders with how = PCT");
    }
  }

  private static Subject subject(
      ExtensionContext context, ReflectiveInvocationContext<Method> method) {
    return new Subject() {
      @Override
      public String name() {
        return context.getDisplayName();
      }

      @Override
      public Trial newTrial() {
        return ExploredTest.begin(context, method.getExecutable());
      }
    };
  }

  private static Search search(Explore asked) {
    if (!asked.schedule().isEmpty()) {
      return new Search.One(Schedule.parse(asked.schedule()));
    }
    return switch (asked.how()) {
      case BOUND -> new Search.Preemptions(asked.bound());
      case DPOR -> new Search.Dpor();
      case PCT -> new Search.Pct(asked.seed(), asked.bound() + 1, asked.schedules());
      case POS -> new Search.Pos(asked.seed(), asked.schedules());
    };
  }

  private static String text(Finding f, Report report) {
    return f.what()
        + "\n"
        + String.join("\n", f.lanes())
        + "\nTo see it again: @Explore(schedule = \""
        + f.schedule()
        + "\")\n"
        + report.summary();
  }
}
