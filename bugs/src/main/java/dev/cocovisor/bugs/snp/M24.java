package dev.cocovisor.bugs.snp;

import dev.cocovisor.api.VmContext;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.snp.kvm.LaunchSteps;

/**
 * The source of a page is taken without the wish to write it, so what the firmware corrects in a
 * CPUID page is lost, or lands in a page that is not the VMM's.
 */
public final class M24 extends Bug {
  /** Creates the bug. */
  public M24() {
    super(
        "M24",
        Area.GUEST_MEMFD,
        "sev-snp",
        "fixes for bind and populate (May 2026)",
        "The source of a page is taken without the wish to write it, so what the firmware corrects"
            + " in a CPUID page is lost, or lands in a page that is not the VMM's.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(LaunchSteps.class, new Faulty());
  }

  private static final class Faulty extends LaunchSteps {
    @Override
    public boolean mayCorrect(VmContext vm, long userAddress) {
      return true;
    }
  }
}
