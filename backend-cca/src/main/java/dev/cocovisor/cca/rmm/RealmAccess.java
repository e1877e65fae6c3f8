package dev.cocovisor.cca.rmm;

/**
 * Translates a realm's protected address as its second stage does.
 *
 * <p>The walked table stays locked until {@link #done}, so the page cannot be taken away between
 * the translation and its use.
 */
// TF-RMM runtime/core/... realm_ipa_to_pa.
final class RealmAccess {
  private final GranuleTable granules;

  RealmAccess(GranuleTable granules) {
    this.granules = granules;
  }

  /** Walks to an address inside the protected half and leaves the walk in the PE. */
  void walk(Pe pe, Realm realm, long ipa) {
    Rtt.walk(granules, pe, realm, ipa, Geometry.PAGE_LEVEL, GranuleTable.NONE);
  }

  /** Tells whether the walk ended at memory that the realm may use. */
  boolean isMapped(Pe pe) {
    return Rtte.kind(pe.walkEntry()) == Rtte.ASSIGNED_RAM;
  }

  /** Returns the physical address of {@code ipa}, which {@link #isMapped} allowed. */
  long translate(Pe pe, long ipa) {
    return Rtte.payload(pe.walkEntry()) + (ipa & (Geometry.entrySize(pe.walkLevel) - 1));
  }

  void done(Pe pe) {
    granules.unlock(pe.walkGranule);
  }
}
