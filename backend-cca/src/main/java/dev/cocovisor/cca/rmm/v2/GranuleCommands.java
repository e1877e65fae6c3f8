package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.Context;

/**
 * RMI_GRANULE_RANGE_DELEGATE, RMI_GRANULE_RANGE_UNDELEGATE, RMI_GRANULE_TRACKING_GET and
 * RMI_GPT_L1_CREATE. A range call moves one granule and says how far it came; memory is emptied on
 * the way out, not on the way in.
 */
// TF-RMM 9a7f8ef4 runtime/rmi/granule.c.
final class GranuleCommands {
  private static final long PAGE_MASK = PageLevel.PAGE_SIZE - 1;
  private static final long GIB = 1L << 30;
  private static final int PA_BITS = 48;
  private static final long TRACKING_NONE = 1;
  private static final long TRACKING_FINE = 2;

  private final Context context;
  private final GranuleTable granules;

  GranuleCommands(Context context) {
    this.context = context;
    this.granules = context.granules();
  }

  private long misrange(Pe pe, long base, long top) {
    boolean bad =
        ((base | top) & PAGE_MASK) != 0
            || Long.compareUnsigned(top, base) < 0
            || Long.compareUnsigned(top - base, PageLevel.PAGE_SIZE) < 0;
    return bad ? pe.refuse(Status.ERROR_INPUT, "the range is unaligned or empty") : Status.SUCCESS;
  }

  long delegate(Pe pe, long base, long top) {
    pe.out1(base);
    long status = misrange(pe, base, top);
    if (status != Status.SUCCESS) {
      return status;
    }
    int g = granules.findLock(base, GranuleState.S_NS);
    if (g == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "the granule is untracked or not in the normal world");
    }
    if (!context.monitor().delegate(base)) {
      granules.unlock(g);
      return pe.refuse(
          Status.ERROR_INPUT, "EL3 refuses to move the granule into the Realm address space");
    }
    granules.unlockTransition(g, GranuleState.S_DELEGATED);
    pe.out1(base + PageLevel.PAGE_SIZE);
    return Status.SUCCESS;
  }

  long undelegate(Pe pe, long base, long top) {
    pe.out1(base);
    long status = misrange(pe, base, top);
    if (status != Status.SUCCESS) {
      return status;
    }
    int g = granules.findLock(base, GranuleState.S_DELEGATED);
    if (g == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "the granule is not DELEGATED");
    }
    context.scrub(g);
    granules.unlockTransition(g, GranuleState.S_NS);
    pe.out1(base + PageLevel.PAGE_SIZE);
    return Status.SUCCESS;
  }

  /** x1 the category, x2 how fine the range is tracked, x3 how far that holds. */
  long tracking(Pe pe, long start, long end) {
    long space = 1L << PA_BITS;
    if (((start | end) & PAGE_MASK) != 0
        || Long.compareUnsigned(start, space) >= 0
        || Long.compareUnsigned(end, space) > 0
        || Long.compareUnsigned(start, end) > 0
        || end - start < PageLevel.PAGE_SIZE) {
      return pe.refuse(Status.ERROR_INPUT, "the range is unaligned, empty or beyond memory");
    }
    pe.out1(0);
    pe.out2(granules.find(start) == GranuleTable.NONE ? TRACKING_NONE : TRACKING_FINE);
    pe.out3(end);
    return Status.SUCCESS;
  }

  /** Everything has its granule protection tables from boot on. */
  long gptCreate(Pe pe, long address) {
    return (address & (GIB - 1)) != 0
        ? pe.refuse(Status.ERROR_INPUT, "the address is not aligned to 1 GiB")
        : pe.refuse(Status.ERROR_GPT, "the region has its table already");
  }
}
