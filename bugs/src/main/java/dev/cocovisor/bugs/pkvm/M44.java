package dev.cocovisor.bugs.pkvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.pkvm.kvm.HostSteps;

/**
 * The host forgets that it shared a page before EL2 has taken it back, and uses the page though EL2
 * refused.
 */
public final class M44 extends Bug {
  /** Creates the bug. */
  public M44() {
    super(
        "M44",
        Area.PKVM,
        "pkvm",
        "bd2618780ab4, f4411f9308c0, 63336d57a269",
        "The host forgets that it shared a page before EL2 has taken it back, and uses the page"
            + " though EL2 refused.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(HostSteps.class, new Faulty());
  }

  private static final class Faulty extends HostSteps {
    @Override
    public boolean forgets(Errno unshared) {
      return true;
    }
  }
}
