package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.realm.Context;

/**
 * RMI_VERSION, RMI_FEATURES, RMI_RMM_CONFIG_SET, RMI_RMM_CONFIG_GET and RMI_RMM_ACTIVATE: the RMM
 * as a whole, which takes almost nothing else until it is active.
 */
// TF-RMM 9a7f8ef4 runtime/rmi: version.c, feature.c, activate.c, granule.c.
final class GlobalCommands {
  private static final long VERSION_2_0 = 0x20000;

  private final Context context;
  private volatile boolean active;

  GlobalCommands(Context context) {
    this.context = context;
  }

  boolean isActive() {
    return active;
  }

  long version(Pe pe, long requested) {
    pe.out1(VERSION_2_0);
    pe.out2(VERSION_2_0);
    return requested == VERSION_2_0
        ? Status.SUCCESS
        : pe.refuse(Status.ERROR_INPUT, "only version 2.0 is spoken");
  }

  long features(Pe pe, long index) {
    pe.out1(context.config().featureRegister(index));
    return Status.SUCCESS;
  }

  long activate(Pe pe) {
    if (active) {
      return pe.refuse(Status.ERROR_GLOBAL, "the RMM is active already");
    }
    active = true;
    return Status.SUCCESS;
  }

  private boolean isPage(long page) {
    return page != 0 && context.isNormalWorld(page);
  }

  /** The one configuration there is: granules of 4 KiB, regions of 1 GiB. */
  long getConfig(Pe pe, long page) {
    if (!isPage(page)) {
      return pe.refuse(Status.ERROR_INPUT, "the page is not memory of the normal world");
    }
    context.memory().writeLong(page, 0);
    context.memory().writeLong(page + Long.BYTES, 0);
    return Status.SUCCESS;
  }

  long setConfig(Pe pe, long page) {
    if (active) {
      return pe.refuse(Status.ERROR_GLOBAL, "the RMM is active already");
    }
    PhysicalMemory memory = context.memory();
    if (!isPage(page)) {
      return pe.refuse(Status.ERROR_INPUT, "the page is not memory of the normal world");
    }
    return (memory.readLong(page) | memory.readLong(page + Long.BYTES)) == 0
        ? Status.SUCCESS
        : pe.refuse(Status.ERROR_INPUT, "granules are of 4 KiB and regions of 1 GiB here");
  }
}
