package dev.cocovisor.bugs.snp;

import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.snp.kvm.LaunchSteps;

/**
 * A second LAUNCH_FINISH, after one that failed late, writes save areas that are encrypted already.
 */
public final class M67 extends Bug {
  /** Creates the bug. */
  public M67() {
    super(
        "M67",
        Area.SNP,
        "sev-snp",
        "624bf3440d72 (same series), sev_es_sync_vmsa",
        "A second LAUNCH_FINISH, after one that failed late, writes save areas that are encrypted"
            + " already.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(LaunchSteps.class, new Faulty());
  }

  private static final class Faulty extends LaunchSteps {
    @Override
    public boolean maySync(boolean isEncrypted) {
      return true;
    }
  }
}
