package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.op.HostList;
import dev.cocovisor.cca.rmm.op.Operations;
import dev.cocovisor.cca.rmm.op.Stamp;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtt;
import dev.cocovisor.cca.rmm.rtt.Rtte;

/**
 * RMI_RTT_DATA_UNMAP and RMI_RTT_UNPROT_UNMAP: takes consecutive live entries of one table away and
 * tells the host which memory that was.
 *
 * <p>First a sweep, which an interrupt does not stop: entries become unassigned and are stamped.
 * Then the part that may stop half way, {@link UnmapOperation}.
 */
// TF-RMM 9a7f8ef4 runtime/rmi/rtt_unmap.c.
final class UnmapCommands {
  private static final long TYPE = 3;
  private static final long PAGE_MASK = PageLevel.PAGE_SIZE - 1;
  private static final int LENGTH_SHIFT = 2;
  private static final long LENGTH = 0x3fff;

  private final Context context;
  private final GranuleTable granules;
  private final Operations operations;

  UnmapCommands(Context context, Operations operations) {
    this.context = context;
    this.granules = context.granules();
    this.operations = operations;
  }

  long data(Pe pe, long rd, long base, long top, long flags, long oaddr) {
    return unmap(pe, rd, base, top, flags, oaddr, true);
  }

  long unprotected(Pe pe, long rd, long base, long top, long flags, long oaddr) {
    return unmap(pe, rd, base, top, flags, oaddr, false);
  }

  private long unmap(Pe pe, long rd, long base, long top, long flags, long oaddr, boolean isData) {
    int place = operations.reserve();
    if (place == Operations.NONE) {
      return operations.full(pe);
    }
    long status = unmap(pe, rd, base, top, flags, oaddr, isData, place);
    if (status != Status.INCOMPLETE) {
      operations.release(place);
    }
    return status;
  }

  private long unmap(
      Pe pe, long rd, long base, long top, long flags, long oaddr, boolean isData, int place) {
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    Geometry geometry = realm.geometry;
    HostList list = HostList.of(oaddr, flags >>> LENGTH_SHIFT & LENGTH);
    long status = check(pe, geometry, base, top, isData);
    if (status == Status.SUCCESS && !outputAllowed(flags, oaddr, list)) {
      status = pe.refuse(Status.ERROR_INPUT, "the flags or the list are not allowed");
    }
    if (status != Status.SUCCESS) {
      granules.unlock(r);
      return status;
    }
    Rtt.walk(granules, pe.walk, geometry, realm.rootGranule, base, Geometry.PAGE_LEVEL, r);
    int level = pe.walk.level;
    if ((base & (Geometry.entrySize(level) - 1)) != 0) {
      granules.unlock(pe.walk.granule);
      return pe.refuse(Status.rtt(level), "base is unaligned to the entry reached");
    }
    UnmapOperation operation =
        new UnmapOperation(
            context,
            operations.safeguards(),
            place,
            pe.walk.granule,
            level,
            Output.values()[(int) (flags & TYPE)],
            list,
            isData);
    status = sweep(pe, geometry, operation, base, top, isData);
    if (status == Status.SUCCESS) {
      status = operation.run(pe);
      if (status == Status.INCOMPLETE) {
        operations.open(operation);
        pe.out1(place);
      }
    }
    granules.unlock(pe.walk.granule);
    return status;
  }

  private static long check(Pe pe, Geometry geometry, long base, long top, boolean isData) {
    long last = top - PageLevel.PAGE_SIZE;
    if (((base | top) & PAGE_MASK) != 0
        || Long.compareUnsigned(top, base) <= 0
        || !geometry.inSpace(base)
        || !geometry.inSpace(last)) {
      return pe.refuse(Status.ERROR_INPUT, "the range is unaligned, empty or leaves the space");
    }
    return geometry.isProtected(base) == isData && geometry.isProtected(last) == isData
        ? Status.SUCCESS
        : pe.refuse(Status.ERROR_INPUT, "the range is in the wrong half of the IPA space");
  }

  private boolean outputAllowed(long flags, long oaddr, HostList list) {
    return switch ((int) (flags & TYPE)) {
      case 0, 1 -> oaddr == 0 && (flags >>> LENGTH_SHIFT & LENGTH) == 0;
      case 2 -> list.count() != 0 && list.aligned() && list.readable(context);
      default -> false;
    };
  }

  /** Empties live entries from where the walk ended on, as long as nothing stands in the way. */
  private long sweep(
      Pe pe, Geometry geometry, UnmapOperation operation, long base, long top, boolean isData) {
    int level = pe.walk.level;
    long size = Geometry.entrySize(level);
    long[] table = pe.walk.table;
    int end = Geometry.entries(level);
    long ipa = base;
    long stop = Status.SUCCESS;
    for (int i = pe.walk.index; i < end && ipa != top; i++) {
      long e = table[i];
      stop = obstacle(pe, e, level, Long.compareUnsigned(top - ipa, size) < 0, isData);
      if (stop == Status.SUCCESS && Rtte.isLive(e)) {
        long pa = isData ? Rtte.payload(e) : Rtte.sharedAddress(e, level, geometry.lpa2());
        if (!operation.add(pa)) {
          break;
        }
        table[i] =
            Stamp.with(
                isData ? Rtte.unassigned(e) : Rtte.of(Rtte.UNASSIGNED_NS), operation.handle());
        if (!isData) {
          granules.add(pe.walk.granule, 1);
        }
      }
      if (stop != Status.SUCCESS) {
        break;
      }
      ipa += size;
    }
    if (stop != Status.SUCCESS && ipa == base) {
      return stop;
    }
    pe.clearRefusal();
    operation.reached(ipa);
    return Status.SUCCESS;
  }

  /** Returns the error an entry would be if it were the first; SUCCESS if it is none. */
  private long obstacle(Pe pe, long e, int level, boolean beyond, boolean isData) {
    if (beyond) {
      return pe.refuse(Status.rtt(level), "the entry does not fit below top");
    }
    if (!Rtte.isLive(e)) {
      return Status.SUCCESS;
    }
    if (Rtte.isTable(e)) {
      return pe.refuse(Status.rtt(level), "the entry leads to a table");
    }
    if (isData && hasAuxiliaryMapping(Rtte.payload(e), level)) {
      return pe.refuse(Status.ERROR_RTT_AUX, "an auxiliary tree maps the memory");
    }
    return Status.SUCCESS;
  }

  private boolean hasAuxiliaryMapping(long pa, int level) {
    long n = Geometry.entrySize(level) >>> PageLevel.PAGE_SHIFT;
    int g = granules.find(pa);
    for (int i = 0; i < n; i++) {
      if (granules.count(g + i) != 0) {
        return true;
      }
    }
    return false;
  }

  /** How the host wants to hear which memory was taken away. */
  enum Output {
    /** Not at all. */
    NONE,
    /** By one descriptor in x2. */
    SINGLE,
    /** By a list in its memory. */
    LIST,
    /** Reserved. */
    RESERVED
  }
}
