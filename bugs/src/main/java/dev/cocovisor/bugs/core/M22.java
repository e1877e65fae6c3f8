package dev.cocovisor.bugs.core;

import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.mmu.ForwardingSecondStage;
import dev.cocovisor.core.mmu.PageFault;
import dev.cocovisor.core.mmu.RetPf;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.vm.FaultSteps;
import java.util.HashMap;
import java.util.Map;

/**
 * Pre-population of a range takes the root before its first page only, and tries for ever once that
 * root is obsolete.
 */
public final class M22 extends Bug {
  /** Creates the bug. */
  public M22() {
    super(
        "M22",
        Area.TDP_MMU,
        "default",
        "20a6cff3b283, 355323a4dc94",
        "Pre-population of a range takes the root before its first page only, and tries for ever"
            + " once that root is obsolete.");
  }

  @Override
  protected CoreParts surroundings(CoreParts parts) {
    return parts.withSecondStage((host, shape) -> new Roots(SecondStage.standard(host, shape)));
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(FaultSteps.class, new Faulty());
  }

  private static final class Faulty extends FaultSteps {
    @Override
    public void takeRoot(SecondStage stage, VcpuContext vcpu, boolean first) {
      if (first) {
        super.takeRoot(stage, vcpu, true);
      }
    }
  }

  /** A stage whose vCPUs each have taken a root, under which alone they can pre-populate. */
  private static final class Roots extends ForwardingSecondStage {
    private final Map<VcpuContext, Long> taken = new HashMap<>();
    private long present;

    Roots(SecondStage delegate) {
      super(delegate);
    }

    @Override
    public void zapAllDirect() {
      present++;
      super.zapAllDirect();
    }

    @Override
    public void reload(VcpuContext vcpu) {
      taken.put(vcpu, present);
      super.reload(vcpu);
    }

    @Override
    public int map(PageFault fault, VcpuContext vcpu) {
      // is_page_fault_stale: nothing is mapped under an obsolete root.
      boolean stale = fault.prefetch && taken.getOrDefault(vcpu, present) != present;
      return stale ? RetPf.RETRY : super.map(fault, vcpu);
    }
  }
}
