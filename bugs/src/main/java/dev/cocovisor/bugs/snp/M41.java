package dev.cocovisor.bugs.snp;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.snp.kvm.SaveAreaSteps;

/** The page of a save area is freed while its vCPU runs on it, and stays the guest's. */
public final class M41 extends Bug {
  /** Creates the bug. */
  public M41() {
    super(
        "M41",
        Area.SNP,
        "sev-snp",
        "sev_gmem_invalidate_range (patch 5/7 of June 2026)",
        "The page of a save area is freed while its vCPU runs on it: RMPUPDATE refuses a page in"
            + " use, and it is freed as the guest's.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(SaveAreaSteps.class, new Faulty());
  }

  /** What shows it is the kernel's warning; the vCPU that runs on is another matter (M40). */
  @Override
  public boolean answersMatter() {
    return false;
  }

  private static final class Faulty extends SaveAreaSteps {
    @Override
    public boolean givesUp(long gfn, long gfnStart, long gfnEnd) {
      return false;
    }
  }
}
