package dev.cocovisor.tck.report;

import dev.cocovisor.tck.rules.Rule;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;

/** Says under JUnit where a broken rule comes from, behind what was expected and seen. */
public final class SourceInFailure implements TestExecutionExceptionHandler {
  @Override
  public void handleTestExecutionException(ExtensionContext context, Throwable thrown)
      throws Throwable {
    Rule rule =
        context.getTestMethod().map(method -> method.getAnnotation(Rule.class)).orElse(null);
    if (rule == null || !(thrown instanceof AssertionError)) {
      throw thrown;
    }
    throw new AssertionError(
        thrown.getMessage() + " (rule " + rule.id() + ", " + rule.source() + ")", thrown);
  }
}
