package dev.cocovisor.tck;

import org.junit.jupiter.api.TestInstance;

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
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class BackendTck
    implements IdentityRules,
        LifeRules,
        LaunchRules,
        MemoryRules,
        ConversionRules,
        HugeRules,
        IsolationRules,
        HookRules,
        ConcurrencyRules {
  /** For subclasses. */
  protected BackendTck() {}
}
