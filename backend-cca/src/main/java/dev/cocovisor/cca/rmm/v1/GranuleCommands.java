package dev.cocovisor.cca.rmm.v1;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.Context;

/** RMI_GRANULE_DELEGATE and RMI_GRANULE_UNDELEGATE. */
// TF-RMM runtime/rmi/granule.c.
final class GranuleCommands {
  private final Context context;
  private final GranuleTable granules;

  GranuleCommands(Context context) {
    this.context = context;
    this.granules = context.granules();
  }

  long delegate(Pe pe, long address) {
    int g = granules.findLock(address, GranuleState.S_NS);
    if (g == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "the granule is untracked or not in the normal world");
    }
    if (!context.monitor().delegate(address)) {
      granules.unlock(g);
      return pe.refuse(
          Status.ERROR_INPUT, "EL3 refuses to move the granule into the Realm address space");
    }
    granules.setState(g, GranuleState.S_DELEGATED);
    context.scrub(g);
    granules.unlock(g);
    return Status.SUCCESS;
  }

  long undelegate(Pe pe, long address) {
    int g = granules.findLock(address, GranuleState.S_DELEGATED);
    if (g == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "the granule is not DELEGATED");
    }
    granules.unlockTransition(g, GranuleState.S_NS);
    return Status.SUCCESS;
  }
}
