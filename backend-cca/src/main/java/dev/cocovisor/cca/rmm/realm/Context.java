package dev.cocovisor.cca.rmm.realm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.cca.rmm.granule.El3Monitor;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.measure.Rim;

/**
 * What every command works on.
 *
 * @param config what this RMM offers
 * @param granules the granule table
 * @param memory physical memory, unguarded
 * @param monitor EL3
 * @param vmids VMIDs in use
 */
public record Context(
    RmmConfig config,
    GranuleTable granules,
    PhysicalMemory memory,
    El3Monitor monitor,
    Vmids vmids) {
  /** Tells whether an address is an aligned, tracked granule of the normal world. */
  // TF-RMM: find_granule, then granule_unlocked_state == GRANULE_STATE_NS.
  public boolean isNormalWorld(long address) {
    int g = granules.find(address);
    return g != GranuleTable.NONE && granules.state(g) == GranuleState.S_NS;
  }

  /** Makes a granule read as zero. */
  public void scrub(int g) {
    memory.zero(granules.address(g) >>> PageLevel.PAGE_SHIFT, 1);
  }

  /** Copies a page of the host's into a granule and extends the realm's measurement. */
  public void copyMeasured(Realm realm, long ipa, long data, long source, boolean content) {
    memory.copyFrame(data >>> PageLevel.PAGE_SHIFT, source >>> PageLevel.PAGE_SHIFT);
    byte[] page = new byte[content ? Rim.PAGE : 0];
    memory.read(data, page, 0, page.length);
    realm.rim.dataCreate(ipa, content, page);
  }
}
