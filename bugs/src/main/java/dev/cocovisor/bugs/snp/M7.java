package dev.cocovisor.bugs.snp;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.ForwardingVmContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.entry.ContextBackend;

/**
 * LAUNCH_FINISH encrypts the save areas without locking the vCPUs, so one of them is changed or
 * runs meanwhile.
 */
public final class M7 extends Bug {
  /** Creates the bug. */
  public M7() {
    super(
        "M7",
        Area.SNP,
        "sev-snp",
        "cb923ee6a80f (CVE-2026-31591)",
        "LAUNCH_FINISH encrypts the save areas without locking the vCPUs, so one of them is changed"
            + " or runs meanwhile.");
  }

  @Override
  protected Backend backend(Backend backend) {
    return new ContextBackend(backend, Unlocked::new);
  }

  private static final class Unlocked extends ForwardingVmContext {
    Unlocked(VmContext delegate) {
      super(delegate);
    }

    @Override
    public void lockAllVcpus() {}

    @Override
    public void unlockAllVcpus() {}
  }
}
