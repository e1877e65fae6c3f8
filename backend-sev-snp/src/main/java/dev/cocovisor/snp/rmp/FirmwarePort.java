package dev.cocovisor.snp.rmp;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

/**
 * The firmware's way into the RMP: it changes entries that no instruction may change.
 *
 * <p>Each call is one transition of the page state table and the caller has checked that it is
 * allowed. A call answers false if another processor holds the entry, and then has changed nothing;
 * the firmware reports that as INVALID_PAGE_STATE. Only {@code dev.cocovisor.snp.psp} and tests use
 * this. Thread-safe.
 */
public final class FirmwarePort {
  private final Rmp rmp;

  /** Creates the firmware's port to a table. */
  public FirmwarePort(Rmp rmp) {
    this.rmp = rmp;
  }

  /** Returns the table. */
  public Rmp rmp() {
    return rmp;
  }

  /**
   * Turns an entry into another, keeping its size and permissions, if it is still in the state the
   * caller saw.
   *
   * @param from the state the entry must be in
   * @param to FIRMWARE, FIRMWARE_IOMMU, RECLAIM, CONTEXT, METADATA, GUEST_INVALID, GUEST_VALID,
   *     PRE_GUEST, PRE_SWAP or HV_FIXED
   * @param gpa the new address for METADATA; ignored otherwise
   * @param vmsa whether a guest page becomes a VMSA
   */
  public boolean move(long pfn, PageState from, PageState to, long gpa, boolean vmsa) {
    RmpRegion r = rmp.regionOf(pfn);
    Rmp.announce(r);
    boolean huge = r.huge();
    int p = huge ? 0 : Rmp.page(pfn);
    if (rmp.take(r, huge ? -1 : p) != RmpCode.OK) {
      return false;
    }
    try {
      if (r.huge() != huge || rmp.state(pfn) != from) {
        return false;
      }
      long old = r.get(p);
      long own = old & ~0xffL;
      long none = old & RmpRegion.HUGE;
      long keyed = old & RmpRegion.KEYED;
      long a = RmpRegion.ASSIGNED;
      long word =
          switch (to) {
            case HV_FIXED -> none | RmpRegion.IMMUTABLE;
            case FIRMWARE -> none | a | RmpRegion.IMMUTABLE;
            case FIRMWARE_IOMMU -> none | a | RmpRegion.IMMUTABLE | RmpRegion.IOMMU_MARK;
            case RECLAIM -> none | a;
            case CONTEXT -> none | a | RmpRegion.IMMUTABLE | RmpRegion.VMSA;
            case METADATA -> RmpRegion.word(gpa >>> PAGE_SHIFT, 0, none | a | RmpRegion.IMMUTABLE);
            case PRE_GUEST -> own | none | a | keyed | RmpRegion.IMMUTABLE;
            case GUEST_INVALID -> own | none | a | keyed;
            case PRE_SWAP -> own | none | a | keyed | RmpRegion.VALIDATED | RmpRegion.IMMUTABLE;
            case GUEST_VALID -> own | none | a | RmpRegion.KEYED | RmpRegion.VALIDATED;
            case INVALID, DEFAULT, HYPERVISOR ->
                throw new IllegalArgumentException("the firmware makes no page " + to);
          };
      boolean keepsVmsa = to == PageState.GUEST_VALID || to == PageState.PRE_SWAP;
      if (keepsVmsa && (vmsa || (old & RmpRegion.VMSA) != 0)) {
        word |= RmpRegion.VMSA;
      }
      rmp.write(r, p, word, RmpRegion.asid(word) == 0 ? 0 : r.perms(p));
      return true;
    } finally {
      r.lock.unlock();
    }
  }

  /** Sets the VMPL1 to VMPL3 permissions of a guest page, as SNP_LAUNCH_UPDATE does. */
  public boolean setPermissions(long pfn, int perms) {
    RmpRegion r = rmp.regionOf(pfn);
    int p = r.huge() ? 0 : Rmp.page(pfn);
    if (rmp.take(r, p) != RmpCode.OK) {
      return false;
    }
    try {
      r.setPerms(p, perms);
      return true;
    } finally {
      r.lock.unlock();
    }
  }

  /**
   * Joins 512 guest pages with consecutive addresses and equal state into one 2 MiB entry
   * (SNP_PAGE_UNSMASH).
   *
   * @return false if they are not so, or another processor holds one
   */
  public boolean unsmash(long headPfn) {
    RmpRegion r = rmp.regionOf(headPfn);
    Rmp.announce(r);
    if (rmp.take(r, -1) != RmpCode.OK) {
      return false;
    }
    try {
      long head = r.get(0);
      if ((head & RmpRegion.HUGE) != 0
          || (head & RmpRegion.ASSIGNED) == 0
          || (RmpRegion.gfn(head) & RmpRegion.PAGES - 1) != 0) {
        return false;
      }
      long keyed = head & RmpRegion.KEYED;
      for (int p = 1; p < RmpRegion.PAGES; p++) {
        long same = (r.get(p) ^ head + ((long) p << 24)) & ~RmpRegion.KEYED;
        if (same != 0 || r.perms(p) != r.perms(0)) {
          return false;
        }
        keyed |= r.get(p) & RmpRegion.KEYED;
      }
      int perms = r.perms(0);
      rmp.write(r, 0, head | keyed | RmpRegion.HUGE, perms);
      for (int p = 1; p < RmpRegion.PAGES; p++) {
        rmp.write(r, p, 0, 0);
      }
      return true;
    } finally {
      r.lock.unlock();
    }
  }
}
