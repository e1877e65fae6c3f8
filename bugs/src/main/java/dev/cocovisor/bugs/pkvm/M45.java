package dev.cocovisor.bugs.pkvm;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.pkvm.hyp.HypSteps;
import dev.cocovisor.pkvm.kvm.HostSteps;

/**
 * EL2 does not look whether the cache can back all tables before a page changes hands, and is half
 * done when it runs dry.
 */
public final class M45 extends Bug {
  /** Creates the bug. */
  public M45() {
    super(
        "M45",
        Area.PKVM,
        "pkvm",
        "4a9ee4fc7953 (merge)",
        "EL2 does not look whether the cache can back all tables before a page changes hands, and"
            + " is half done when it runs dry.");
  }

  @Override
  protected CoreParts surroundings(CoreParts parts) {
    return parts.with(HostSteps.class, new Meagre());
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(HypSteps.class, new Faulty());
  }

  /** A host that gives EL2 less than a mapping may need. */
  private static final class Meagre extends HostSteps {
    @Override
    public int fillUpTo(int needed) {
      return 1;
    }
  }

  private static final class Faulty extends HypSteps {
    @Override
    public boolean cacheIsShort(int pages, int needed) {
      return false;
    }
  }
}
