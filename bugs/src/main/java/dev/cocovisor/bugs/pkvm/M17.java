package dev.cocovisor.bugs.pkvm;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.pkvm.hyp.HypSteps;

/** A vCPU that EL2 refuses leaves the page that describes it pinned for ever. */
public final class M17 extends Bug {
  /** Creates the bug. */
  public M17() {
    super(
        "M17",
        Area.PKVM,
        "pkvm",
        "73b9c1e5da84",
        "A vCPU that EL2 refuses leaves the page that describes it pinned for ever.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(HypSteps.class, new Faulty());
  }

  private static final class Faulty extends HypSteps {
    @Override
    public void vcpuRefused(Runnable unpin) {}
  }
}
