package dev.cocovisor.snp.kvm;

/** What an RMP fault makes of a page that is taken from the guest while it is dealt with. */
enum RmpFaultRace {
  /**
   * The page is held to the end, so that nobody frees it before: an entry that is assigned no more
   * can only have been converted in place, and is warned of.
   */
  HELD(true),

  /** The page is let go once it was found, and an entry that is assigned no more is nothing. */
  LET_GO(false);

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
   * @param stays whether the file has the page all the same
   */
  boolean warnsUnassigned(boolean invalidated, boolean stays) {
    return holds ? stays : !invalidated;
  }

  /** Tells whether nothing is left to do once a PSMASH failed. */
  boolean settled(boolean assigned, boolean huge) {
    return assigned ? !huge : !holds;
  }
}
