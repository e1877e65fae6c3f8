package dev.cocovisor.bugs.snp;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.vm.VcpuSteps;
import java.util.function.Supplier;

/** The launch ends while a vCPU is being made, which is not measured, and nobody is told. */
public final class M66 extends Bug {
  /** Creates the bug. */
  public M66() {
    super(
        "M66",
        Area.SNP,
        "sev-snp",
        "624bf3440d72",
        "The launch ends while a vCPU is being made, which is not measured, and nobody is told.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(VcpuSteps.class, new Faulty());
  }

  private static final class Faulty extends VcpuSteps {
    @Override
    public Errno make(ModelLock kvmLock, Supplier<Errno> vendor) {
      kvmLock.unlock();
      try {
        return vendor.get();
      } finally {
        kvmLock.lock();
      }
    }
  }
}
