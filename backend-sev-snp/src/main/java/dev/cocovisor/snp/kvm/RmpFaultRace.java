package dev.cocovisor.snp.kvm;

/** What an RMP fault makes of a page that is taken from the guest while it is dealt with. */
enum RmpFaultRace {
  /** The page is held to the end, and an entry that is assigned no more is warned of. */
  WARNED(true),

  /** The page is let go once it was found, and an entry that is assigned no more is nothing. */
  EXPECTED(false);

  private final boolean holds;

  RmpFaultRace(boolean holds) {
    this.holds = holds;
  }

  /** Tells whether KVM keeps a reference of the page while it deals with the fault. */
  boolean holdsPage() {
    return holds;
  }

  /**
   * Tells whether it is warned of that the entry is not assigned.
   *
   * @param invalidated whether pages were taken away since the page was looked up
   */
  boolean warnsUnassigned(boolean invalidated) {
    return holds || !invalidated;
  }

  /** Tells whether nothing is left to do once a PSMASH failed. */
  boolean settled(boolean assigned, boolean huge) {
    return assigned ? !huge : !holds;
  }
}
