package dev.cocovisor.snp.rmp;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

/**
 * The RMP's say in memory accesses, made after the page tables have had theirs.
 *
 * <p>Source: APM volume 2, tables 15-39 (which access is checked for what) and 15-40 (page sizes).
 * Results are {@link RmpOutcome}s. An entry may change between two looks of the hardware; faults
 * may then be spurious, and software retries. Thread-safe; takes no lock and allocates nothing.
 */
public final class RmpAccess {
  /** What an access does. */
  public enum Kind {
    /** A data read. */
    READ(0, 1),
    /** A data write. */
    WRITE(RmpOutcome.WRITE, 2),
    /** An instruction fetch of user code. */
    FETCH_USER(RmpOutcome.FETCH, 4),
    /** An instruction fetch of supervisor code. */
    FETCH(RmpOutcome.FETCH, 8),
    /** The table walker reads a guest page table. */
    TABLE_READ(0, 1),
    /** The table walker sets an accessed or dirty bit. */
    TABLE_WRITE(RmpOutcome.WRITE, 2),
    /** A supervisor shadow stack access. */
    SHADOW_STACK(RmpOutcome.WRITE | RmpOutcome.SSS, 16);

    private final long errorBits;
    private final int permission;

    Kind(long errorBits, int permission) {
      this.errorBits = errorBits;
      this.permission = permission;
    }

    boolean writes() {
      return (errorBits & RmpOutcome.WRITE) != 0;
    }

    boolean table() {
      return this == TABLE_READ || this == TABLE_WRITE;
    }

    boolean fetches() {
      return (errorBits & RmpOutcome.FETCH) != 0;
    }
  }

  private final Rmp rmp;

  /** Creates the checks of a machine with the given table. */
  public RmpAccess(Rmp rmp) {
    this.rmp = rmp;
  }

  /**
   * Checks a host data write or a write by the host's table walker. Host reads are never checked.
   *
   * <p>Through a 2 MiB or larger mapping all 512 pages have to be the hypervisor's: that is why
   * Linux splits its direct map.
   *
   * @param mapped2m true if the host mapping is 2 MiB or larger
   * @param user true for a user-mode access
   */
  public long hostWrite(long pfn, boolean mapped2m, boolean user) {
    boolean foreign = mapped2m ? rmp.regionAssigned(pfn) : rmp.assigned(pfn);
    return rmp.enabled() && foreign
        ? RmpOutcome.pageFault(
            RmpOutcome.PRESENT | RmpOutcome.WRITE | RmpOutcome.RMP | (user ? RmpOutcome.USER : 0))
        : RmpOutcome.OK;
  }

  /**
   * Checks an access of a guest that is not an SNP guest: writes and walks need hypervisor pages.
   *
   * @param encrypted true if the access has the C-bit set (plain SEV and SEV-ES guests)
   */
  public long otherGuest(long pfn, Kind kind, boolean encrypted) {
    if (rmp.enabled() && (kind.writes() || kind.table()) && rmp.assigned(pfn)) {
      return fault(kind, encrypted, RmpOutcome.RMP);
    }
    return RmpOutcome.OK;
  }

  /**
   * Checks an access of an SNP guest.
   *
   * <p>For fetches, table walks and data with the C-bit: 1 covered, 2 guest-owned, 3 reverse map, 4
   * mutable, 5 page size (all #NPF), 6 validated (#VC 0x404), 7 VMPL permission (#NPF with VMPL).
   * For data without the C-bit: a write needs a hypervisor page, a read nothing.
   *
   * @param gpa the guest address, bytes
   * @param pfn the frame the nested table names
   * @param nested2m true if the nested mapping is 2 MiB or 1 GiB
   * @param encrypted the C-bit; fetches and walks behave as if it were set
   */
  public long snpGuest(
      CpuMode cpu, long gpa, long pfn, boolean nested2m, Kind kind, boolean encrypted) {
    if (!encrypted && !kind.fetches() && !kind.table()) {
      return kind.writes() && rmp.assigned(pfn)
          ? fault(kind, false, RmpOutcome.RMP)
          : RmpOutcome.OK;
    }
    long word = rmp.effective(pfn);
    if (!ownedMutable(rmp, cpu, word, gpa, pfn)) {
      return fault(kind, true, RmpOutcome.RMP);
    }
    boolean huge = (word & RmpRegion.HUGE) != 0;
    if (nested2m != huge) {
      long sizem = huge && rmp.choices().sizemOnAccess() ? RmpOutcome.SIZEM : 0;
      return fault(kind, true, RmpOutcome.RMP | sizem);
    }
    if ((word & RmpRegion.VALIDATED) == 0) {
      return RmpOutcome.NOT_VALIDATED;
    }
    if (cpu.vmpl() != 0) {
      RmpRegion r = rmp.regionOf(pfn);
      int perms = r.perms(huge ? 0 : Rmp.page(pfn));
      if ((GuestInstructions.permissions(perms, cpu.vmpl()) & kind.permission) == 0) {
        return fault(kind, true, RmpOutcome.RMP | RmpOutcome.VMPL);
      }
    }
    return RmpOutcome.OK;
  }

  /**
   * Makes VMRUN's checks.
   *
   * <p>The VMCB must be the hypervisor's (#GP), the AVIC backing page as well (VMEXIT_INVALID); an
   * SNP guest's VMSA must be covered, the guest's, reverse-mapped, mutable and marked as VMSA
   * (VMEXIT_INVALID).
   *
   * @param vmcb frame of the VMCB
   * @param avic frame of the AVIC backing page, or -1 without AVIC
   * @param vmsa frame of the VMSA, or -1 for a guest without
   * @param vmsaGpa the guest address under which the VMSA was given to the guest
   * @param guest the guest's ASID and whether SNP is active
   */
  public long vmrunCheck(long vmcb, long avic, long vmsa, long vmsaGpa, CpuMode guest) {
    if (rmp.assigned(vmcb)) {
      return RmpOutcome.GP;
    }
    if (avic >= 0 && rmp.assigned(avic)) {
      return RmpOutcome.VMEXIT_INVALID;
    }
    if (guest.snp()) {
      long word = vmsa < 0 ? 0 : rmp.effective(vmsa);
      if (vmsa < 0
          || !ownedMutable(rmp, guest, word, vmsaGpa, vmsa)
          || (word & RmpRegion.VMSA) == 0) {
        return RmpOutcome.VMEXIT_INVALID;
      }
    }
    return RmpOutcome.OK;
  }

  /** As {@link #vmrunCheck}; where it passes, the pages are in use until {@link #vmexit}. */
  public long vmrun(long vmcb, long avic, long vmsa, long vmsaGpa, CpuMode guest) {
    long out = vmrunCheck(vmcb, avic, vmsa, vmsaGpa, guest);
    if (out != RmpOutcome.OK) {
      return out;
    }
    mark(vmcb, 1);
    mark(avic, 1);
    mark(vmsa, 1);
    return RmpOutcome.OK;
  }

  /** Ends what a successful {@link #vmrun} began, with the same frames. */
  public void vmexit(long vmcb, long avic, long vmsa) {
    mark(vmcb, -1);
    mark(avic, -1);
    mark(vmsa, -1);
  }

  private void mark(long pfn, int by) {
    if (rmp.covers(pfn)) {
      RmpRegion r = rmp.regionOf(pfn);
      // Marking is the processor's own bookkeeping and cannot fail, so it waits.
      r.lock.lock();
      try {
        r.changing = Rmp.page(pfn);
        r.addRunning(Rmp.page(pfn), by);
      } finally {
        r.lock.unlock();
      }
    }
  }

  /** Checks 1 to 4: covered, guest-owned, reverse map, mutable. */
  static boolean ownedMutable(Rmp rmp, CpuMode cpu, long word, long gpa, long pfn) {
    return rmp.covers(pfn)
        && (word & RmpRegion.ASSIGNED) != 0
        && RmpRegion.asid(word) == cpu.asid()
        && RmpRegion.gfn(word) == gpa >>> PAGE_SHIFT
        && (word & RmpRegion.IMMUTABLE) == 0;
  }

  private static long fault(Kind kind, boolean encrypted, long bits) {
    return RmpOutcome.nestedFault(
        RmpOutcome.PRESENT
            | RmpOutcome.USER
            | kind.errorBits
            | (kind.table() ? RmpOutcome.GUEST_PAGE : RmpOutcome.GUEST_FINAL)
            | (encrypted ? RmpOutcome.ENC : 0)
            | bits);
  }
}
