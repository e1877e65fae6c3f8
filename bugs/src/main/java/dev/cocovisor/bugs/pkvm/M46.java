package dev.cocovisor.bugs.pkvm;

import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.mmu.ForwardingSecondStage;
import dev.cocovisor.core.mmu.PageFault;
import dev.cocovisor.core.mmu.RetPf;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.mmu.Spte;
import dev.cocovisor.core.slot.MemSlot;

/**
 * A write to a page of a guest_memfd that is mapped for reading is taken for a fault that somebody
 * else has mended, for ever.
 */
public final class M46 extends Bug {
  /** Creates the bug. */
  public M46() {
    super(
        "M46",
        Area.PKVM,
        "pkvm",
        "4a9ee4fc7953 (merge), arm64",
        "A write to a page of a guest_memfd that is mapped for reading is taken for a fault that"
            + " somebody else has mended, for ever.");
  }

  @Override
  protected CoreParts surroundings(CoreParts parts) {
    return parts.withSecondStage((host, shape) -> new ReadFirst(SecondStage.standard(host, shape)));
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.withSecondStage((host, shape) -> new Faulty(SecondStage.standard(host, shape)));
  }

  /** Maps what a read faults on for reading only. */
  private static class ReadFirst extends ForwardingSecondStage {
    ReadFirst(SecondStage delegate) {
      super(delegate);
    }

    static boolean isGmem(PageFault fault) {
      MemSlot slot = fault.slot;
      return slot != null && slot.hasGuestMemfd();
    }

    @Override
    public int map(PageFault fault, VcpuContext vcpu) {
      fault.mapWritable = fault.mapWritable && (fault.write || !isGmem(fault));
      return super.map(fault, vcpu);
    }
  }

  private static final class Faulty extends ReadFirst {
    Faulty(SecondStage delegate) {
      super(delegate);
    }

    @Override
    public int map(PageFault fault, VcpuContext vcpu) {
      boolean there = Spte.isLeaf(walk(fault.gfn, fault.isPrivate));
      return there && isGmem(fault) ? RetPf.SPURIOUS : super.map(fault, vcpu);
    }
  }
}
