package dev.cocovisor.bugs.snp;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.vm.VcpuSteps;
import java.util.function.Supplier;

/** All vCPUs are locked while another is being made, which is there all at once and not locked. */
public final class M39 extends Bug {
  /** Creates the bug. */
  public M39() {
    super(
        "M39",
        Area.SNP,
        "sev-snp",
        "6418b715d5a2, 8264c0d73f07",
        "All vCPUs are locked while another is being made, which is there all at once and not"
            + " locked.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(VcpuSteps.class, new Faulty());
  }

  private static final class Faulty extends VcpuSteps {
    @Override
    public Errno make(ModelLock kvmLock, Supplier<Errno> vendor) {
      kvmLock.unlock();
      return vendor.get();
    }

    @Override
    public void publish(ModelLock kvmLock, Runnable publish) {
      publish.run();
      kvmLock.lock();
    }
  }
}
