package dev.cocovisor.tck;

import dev.cocovisor.tck.bench.Notes;
import dev.cocovisor.tck.report.SourceInFailure;
import dev.cocovisor.tck.rules.AcceptRules;
import dev.cocovisor.tck.rules.AnswerRules;
import dev.cocovisor.tck.rules.ConcurrencyRules;
import dev.cocovisor.tck.rules.ConversionRules;
import dev.cocovisor.tck.rules.FailureRules;
import dev.cocovisor.tck.rules.HookRules;
import dev.cocovisor.tck.rules.HugeRules;
import dev.cocovisor.tck.rules.IdentityRules;
import dev.cocovisor.tck.rules.IsolationRules;
import dev.cocovisor.tck.rules.LaunchRules;
import dev.cocovisor.tck.rules.LifeRules;
import dev.cocovisor.tck.rules.MemoryRules;
import dev.cocovisor.tck.rules.MomentRules;
import dev.cocovisor.tck.rules.OwnershipRules;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * All rules of the kit as one JUnit class. A backend's test extends it and names its subject:
 *
 * <pre>{@code
 * class AcmeTck extends BackendTck {
 *   @Override public Subject subject() {
 *     return Subject.of(new AcmeBackend());
 *   }
 * }
 * }</pre>
 *
 * <p>A rule that was shown, or whose refusal was, is a test that passes; a refusal is published as
 * the report entry {@code cocovisor.refused}. A rule that could not judge is a test that was
 * aborted, and says why.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@ExtendWith(SourceInFailure.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class BackendTck
    implements IdentityRules,
        LifeRules,
        LaunchRules,
        AcceptRules,
        AnswerRules,
        MemoryRules,
        ConversionRules,
        HugeRules,
        FailureRules,
        IsolationRules,
        OwnershipRules,
        HookRules,
        ConcurrencyRules,
        MomentRules {
  private final Notes notes = new Notes();

  /** For subclasses. */
  protected BackendTck() {}

  @Override
  public final Notes notes() {
    return notes;
  }

  @BeforeEach
  final void forget() {
    notes.clear();
  }

  @AfterEach
  final void tell(TestReporter reporter) {
    notes.refusals().forEach(r -> reporter.publishEntry("cocovisor.refused", r));
  }
}
