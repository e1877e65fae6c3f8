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
 * A guest access that carries an ASID has the C-bit set, one without has it off. What depends on
 * the guest address (reverse map, page size, validation, VMPL) is {@link RmpAccess}'s business.
 *
 * <p>An SNP guest's own pages are kept as it sees them, everything else as it lies in memory: a SEV
 * guest without an RMP sees its pages through its key, and all others see ciphertext.
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
      case GUEST -> guest(who, pfn, write);
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

  /** Key 0 is the C-bit off; another key is an ASID in 15:0 and what tells its users apart. */
  private Verdict guest(Accessor who, long pfn, boolean write) {
    long word = rmp.effective(pfn);
    boolean assigned = (word & RmpRegion.ASSIGNED) != 0;
    int asid = who.key() & 0xffff;
    if (asid != 0 && snpAsid.test(asid)) {
      boolean own = assigned && RmpRegion.asid(word) == asid;
      return own && (word & RmpRegion.IMMUTABLE) == 0 ? Verdict.ALLOW : Verdict.FAULT;
    }
    if (assigned) {
      return write ? Verdict.FAULT : read(pfn);
    }
    return asid != 0 ? Verdict.CIPHER : Verdict.ALLOW;
  }
}
