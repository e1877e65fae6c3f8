package dev.cocovisor.snp.rmp;

import dev.cocovisor.api.view.EntryKind;

/**
 * Page states as the SNP firmware document names them, in its numbering.
 *
 * <p>Source: the page state table of AMD's SNP firmware ABI document.
 */
public enum PageState {
  /** No combination the firmware knows. */
  INVALID(0),
  /** Not covered by the RMP: the hypervisor's for ever. */
  DEFAULT(1),
  /** Unassigned. */
  HYPERVISOR(2),
  /** Unassigned and immutable: firmware made it so, nobody may assign it. */
  HV_FIXED(3),
  /** Given to the firmware, unused. */
  FIRMWARE(4),
  /** Given to the firmware for the IOMMU. */
  FIRMWARE_IOMMU(5),
  /** The firmware gave it back; the hypervisor may take it with RMPUPDATE. */
  RECLAIM(6),
  /** A guest context. */
  CONTEXT(7),
  /** Swap metadata; its address field names the guest context. */
  METADATA(8),
  /** Assigned to a guest, not yet written by the firmware. */
  PRE_GUEST(9),
  /** A guest page that the firmware may swap out. */
  PRE_SWAP(0xA),
  /** A guest page that the guest has not accepted. */
  GUEST_INVALID(0xB),
  /** A guest page in use. */
  GUEST_VALID(0xC);

  private final int code;

  PageState(int code) {
    this.code = code;
  }

  /** Returns the firmware's number. */
  public int code() {
    return code;
  }

  /** Returns what the state means for whoever does not know the firmware's words. */
  EntryKind kind() {
    return switch (this) {
      case GUEST_VALID -> EntryKind.PRIVATE;
      case GUEST_INVALID -> EntryKind.PENDING;
      case PRE_GUEST, PRE_SWAP, RECLAIM -> EntryKind.BLOCKED;
      case CONTEXT, METADATA, FIRMWARE, FIRMWARE_IOMMU -> EntryKind.CONTROL;
      case INVALID, DEFAULT, HYPERVISOR, HV_FIXED -> EntryKind.EMPTY;
    };
  }

  /** Classifies an entry. */
  static PageState of(
      boolean assigned, boolean validated, int asid, boolean immutable, long gpa, boolean vmsa) {
    if (!assigned) {
      return asid != 0 || validated ? INVALID : immutable ? HV_FIXED : HYPERVISOR;
    }
    if (asid != 0) {
      return immutable ? validated ? PRE_SWAP : PRE_GUEST : validated ? GUEST_VALID : GUEST_INVALID;
    }
    if (validated) {
      return INVALID;
    }
    if (!immutable) {
      return RECLAIM;
    }
    if (vmsa) {
      return gpa == 0 ? CONTEXT : INVALID;
    }
    // Addresses of metadata are page aligned, so 1 is free to mark IOMMU pages.
    return gpa == 0 ? FIRMWARE : gpa == 1 ? FIRMWARE_IOMMU : METADATA;
  }
}
