package dev.cocovisor.tck;

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
