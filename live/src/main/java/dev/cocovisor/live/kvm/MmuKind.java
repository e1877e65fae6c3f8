package dev.cocovisor.live.kvm;

/** How this machine's KVM gets from guest-physical addresses to memory. */
public enum MmuKind {
  /** Nested paging, tables by the TDP MMU. */
  TDP("nested paging (TDP MMU)"),
  /** Nested paging is there, its tables are kept by the shadow MMU (tdp_mmu=N). */
  LEGACY_TDP("nested paging, tables of the shadow MMU"),
  /** No nested paging. */
  SHADOW("shadow MMU"),
  /**
   * PVM: a guest in protected mode does not run on the processor at all, KVM's instruction emulator
   * reads and writes for it through the slots' user addresses.
   */
  EMULATED("PVM: accesses by KVM's instruction emulator, shadow MMU"),
  /** Stage 2 of arm64. */
  STAGE2("stage 2");

  private final String text;

  MmuKind(String text) {
    this.text = text;
  }

  /** Tells whether pages can be mapped before a guest touches them. */
  boolean isTdp() {
    return this == TDP || this == STAGE2;
  }

  @Override
  public String toString() {
    return text;
  }
}
