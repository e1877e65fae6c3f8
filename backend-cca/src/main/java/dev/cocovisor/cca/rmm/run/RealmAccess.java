package dev.cocovisor.cca.rmm.run;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtte;

/**
 * Translates a realm's protected address as its second stage does.
 *
 * <p>The walked table stays locked until {@link #done}, so the page cannot be taken away between
 * the translation and its use.
 */
// TF-RMM runtime/rsi/realm_ipa_helper.c, realm_ipa_to_pa.
public final class RealmAccess {
  private final GranuleTable granules;

  public RealmAccess(GranuleTable granules) {
    this.granules = granules;
  }

  /** Walks to an address inside the protected half and leaves the walk in the PE. */
  public void walk(Pe pe, Realm realm, long ipa) {
    realm.walkToPage(granules, pe.walk, ipa);
  }

  /** Tells whether the walk ended at memory that the realm may use. */
  public boolean isMapped(Pe pe) {
    return Rtte.kind(pe.walk.entry()) == Rtte.ASSIGNED_RAM;
  }

  /** Returns the physical address of {@code ipa}, which {@link #isMapped} allowed. */
  public long translate(Pe pe, long ipa) {
    return Rtte.payload(pe.walk.entry()) + (ipa & (Geometry.entrySize(pe.walk.level) - 1));
  }

  public void done(Pe pe) {
    granules.unlock(pe.walk.granule);
  }
}
