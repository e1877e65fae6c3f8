package dev.cocovisor.snp.rmp;

import dev.cocovisor.api.PageLevel;

/**
 * One RMP entry as it can be looked at; a copy, for tests, traces and people.
 *
 * @param assigned true if the page belongs to a guest or to the firmware
 * @param huge true for a 2 MiB entry
 * @param immutable true if only the firmware may change the entry
 * @param asid the owning guest's ASID, 0 for hypervisor and firmware
 * @param gpa the guest address (bytes), or the firmware's mark
 * @param validated true if the guest accepted the page
 * @param vmsa true for a VM save area or a guest context
 * @param perms permissions of VMPL1 in bits 7:0, VMPL2 in 15:8, VMPL3 in 23:16
 */
public record RmpEntry(
    boolean assigned,
    boolean huge,
    boolean immutable,
    int asid,
    long gpa,
    boolean validated,
    boolean vmsa,
    int perms) {

  /** Returns the gfn that the page holds; -1 where no guest has it. */
  long holds() {
    return asid == 0 ? -1 : gpa >>> PageLevel.PAGE_SHIFT;
  }

  /** Returns who has an assigned page, and in which state. */
  public String words() {
    return (asid == 0 ? "firmware" : "ASID " + asid) + ", " + state();
  }

  /** Returns the firmware document's name for the state. */
  public PageState state() {
    return PageState.of(assigned, validated, asid, immutable, gpa, vmsa);
  }
}
