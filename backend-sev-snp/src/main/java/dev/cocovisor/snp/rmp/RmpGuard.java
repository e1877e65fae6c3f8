package dev.cocovisor.snp.rmp;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.DirectMap;
import dev.cocovisor.api.mem.PhysicalGuard;
import java.util.function.IntPredicate;

/**
 * The RMP as a guard of physical memory: who may touch which frame.
 *
 * <p>Host reads of a guest's page see ciphertext; host and device writes to anything assigned
 * fault, and so does a write through a 2 MiB piece of the direct map that covers an assigned page.
 * A guest access that carries an SNP ASID counts as one with the C-bit set; what depends on the
 * guest address (reverse map, page size, validation, VMPL) is {@link RmpAccess}'s business.
 */
public final class RmpGuard implements PhysicalGuard {
  private final Rmp rmp;
  private final DirectMap directMap;
  private final IntPredicate snpAsid;

  /**
   * Creates the guard.
   *
   * @param directMap tells how the kernel maps a frame
   * @param snpAsid tells whether an ASID belongs to an SNP guest
   */
  public RmpGuard(Rmp rmp, DirectMap directMap, IntPredicate snpAsid) {
    this.rmp = rmp;
    this.directMap = directMap;
    this.snpAsid = snpAsid;
  }

  @Override
  public Verdict check(Accessor who, long pfn, boolean write) {
    if (!rmp.enabled()) {
      return Verdict.ALLOW;
    }
    return switch (who.kind()) {
      case FIRMWARE -> Verdict.ALLOW;
      case GUEST -> guest(who.key(), pfn, write);
      case HOST_KERNEL -> {
        boolean blocked =
            write && (directMap.isSplit(pfn) ? rmp.assigned(pfn) : rmp.regionAssigned(pfn));
        yield blocked ? Verdict.FAULT : read(pfn);
      }
      case HOST_USER, DEVICE -> write && rmp.assigned(pfn) ? Verdict.FAULT : read(pfn);
    };
  }

  private Verdict read(long pfn) {
    return rmp.asid(pfn) != 0 ? Verdict.CIPHER : Verdict.ALLOW;
  }

  private Verdict guest(int asid, long pfn, boolean write) {
    if (asid != 0 && snpAsid.test(asid)) {
      long word = rmp.effective(pfn);
      boolean own =
          (word & RmpRegion.ASSIGNED) != 0
              && RmpRegion.asid(word) == asid
              && (word & RmpRegion.IMMUTABLE) == 0;
      return own ? Verdict.ALLOW : Verdict.FAULT;
    }
    return write && rmp.assigned(pfn) ? Verdict.FAULT : read(pfn);
  }
}
