package dev.cocovisor.snp.rmp;

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

  /** Returns the firmware document's name for the state. */
  public PageState state() {
    return PageState.of(assigned, validated, asid, immutable, gpa, vmsa);
  }
}
