package dev.cocovisor.bugs.pkvm;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.pkvm.hyp.HypSteps;
import dev.cocovisor.pkvm.kvm.HostSteps;

/**
 * EL2 takes the address in a host's cache for the beginning of a page, and clears beyond the page
 * it was given.
 */
public final class M10 extends Bug {
  /** Creates the bug. */
  public M10() {
    super(
        "M10",
        Area.PKVM,
        "pkvm",
        "b938731ed2d4",
        "EL2 takes the address in a host's cache for the beginning of a page, and clears beyond the"
            + " page it was given.");
  }

  @Override
  protected CoreParts surroundings(CoreParts parts) {
    return parts.with(HostSteps.class, new Crooked());
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(HypSteps.class, new Faulty());
  }

  /** A host that names pages by addresses inside them. */
  private static final class Crooked extends HostSteps {
    @Override
    public long cacheAddress(long pfn) {
      return super.cacheAddress(pfn) + 0x800;
    }
  }

  private static final class Faulty extends HypSteps {
    @Override
    public long cachePage(long address) {
      return address;
    }
  }
}
