package dev.cocovisor.snp.rmp;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.DirectMap;
import dev.cocovisor.api.mem.PhysicalGuard;
import java.util.function.IntPredicate;
import java.util.function.IntUnaryOperator;

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
  private final IntUnaryOperator asidOfVm;

  /**
   * Creates the guard.
   *
   * @param directMap tells how the kernel maps a frame
   * @param snpAsid tells whether an ASID belongs to an SNP guest
   * @param asidOfVm the ASID of an SNP VM by its number, 0 for other VMs
   */
  public RmpGuard(Rmp rmp, DirectMap directMap, IntPredicate snpAsid, IntUnaryOperator asidOfVm) {
    this.rmp = rmp;
    this.directMap = directMap;
    this.snpAsid = snpAsid;
    this.asidOfVm = asidOfVm;
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

  private Verdict guest(Accessor who, long pfn, boolean write) {
    long word = rmp.effective(pfn);
    boolean assigned = (word & RmpRegion.ASSIGNED) != 0;
    int key = who.key();
    if (!assigned) {
      return key != 0 && snpAsid.test(key) ? Verdict.FAULT : Verdict.ALLOW;
    }
    // Without a key the C-bit is not known; what an SNP guest owns or shares is its own.
    int asid = key != 0 ? key : asidOfVm.applyAsInt(who.vm());
    if (asid != 0 && RmpRegion.asid(word) == asid && snpAsid.test(asid)) {
      return (word & RmpRegion.IMMUTABLE) != 0 ? Verdict.FAULT : Verdict.ALLOW;
    }
    return write || (key != 0 && snpAsid.test(key)) ? Verdict.FAULT : read(pfn);
  }
}
