package dev.cocovisor.bugs.snp;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.snp.kvm.SaveAreaSteps;

/**
 * A vCPU goes on with the frame of a save area that was taken away and is somebody else's by now.
 */
public final class M40 extends Bug {
  /** Creates the bug. */
  public M40() {
    super(
        "M40",
        Area.SNP,
        "sev-snp",
        "acafcf32c83e, 375b32931b5d, 3c427e5c0347",
        "A vCPU goes on with the frame of a save area that was taken away and is somebody else's by"
            + " now.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(SaveAreaSteps.class, new Faulty());
  }

  private static final class Faulty extends SaveAreaSteps {
    @Override
    public boolean looksAgain(long gfn) {
      return false;
    }
  }
}
