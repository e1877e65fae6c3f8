package dev.cocovisor.bugs.pkvm;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.pkvm.hyp.HypSteps;
import dev.cocovisor.pkvm.kvm.HostSteps;

/** The pages of EL2's stacks never leave the host's stage 2, so the host can write them. */
public final class M47 extends Bug {
  /** Creates the bug. */
  public M47() {
    super(
        "M47",
        Area.PKVM,
        "pkvm",
        "3a8c562892b9, 5a8b505ede13, cfe80c3837f9",
        "The pages of EL2's stacks never leave the host's stage 2, so the host can write them.");
  }

  @Override
  protected CoreParts surroundings(CoreParts parts) {
    return parts.with(HostSteps.class, new StacksOfTheHost());
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(HypSteps.class, new Faulty());
  }

  /** A host in whose memory EL2's stacks lie. */
  private static final class StacksOfTheHost extends HostSteps {
    @Override
    public int stackPages() {
      return 2;
    }
  }

  private static final class Faulty extends HypSteps {
    @Override
    public boolean takesStacks() {
      return false;
    }
  }
}
