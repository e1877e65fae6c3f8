package dev.cocovisor.tck;

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
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

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
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
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
        HookRules,
        ConcurrencyRules {
  /** For subclasses. */
  protected BackendTck() {}
}
