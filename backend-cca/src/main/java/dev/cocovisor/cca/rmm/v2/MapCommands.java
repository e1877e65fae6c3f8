package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.op.Block;
import dev.cocovisor.cca.rmm.op.HostList;
import dev.cocovisor.cca.rmm.op.Operations;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtt;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import org.jspecify.annotations.Nullable;

/**
 * RMI_RTT_DATA_MAP and RMI_RTT_UNPROT_MAP: blocks of memory into consecutive entries of one table.
 *
 * <p>Success means progress: as soon as one block is done, what stops the next only ends the call,
 * and x1 says how far it came. DATA_MAP stops half way through a block where an interrupt is
 * pending and leaves that block to a {@link MapOperation}.
 */
// TF-RMM 9a7f8ef4 runtime/rmi/rtt_map.c.
final class MapCommands {
  private static final long TYPE = 3;
  private static final long SINGLE = 1;
  private static final long LIST = 2;
  private static final int LENGTH_SHIFT = 2;
  private static final long LENGTH = 0x3fff;
  private static final int MEMATTR_SHIFT = 16;
  private static final long MEMATTR = 7;
  private static final int S2AP_SHIFT = 19;
  private static final long S2AP = 0xf;
  private static final long S2AP_DIRECT = 3;
  private static final long PAGE_MASK = PageLevel.PAGE_SIZE - 1;
  private static final int PA_BITS = 48;

  private final Context context;
  private final GranuleTable granules;
  private final Operations operations;
  private final DataBlocks blocks;

  MapCommands(Context context, Operations operations) {
    this.context = context;
    this.granules = context.granules();
    this.operations = operations;
    this.blocks = new DataBlocks(context, operations.safeguards());
  }

  /** RMI_RTT_DATA_MAP; x1 how far it came, or the handle. */
  long data(Pe pe, long rd, long base, long top, long flags, long oaddr) {
    int place = operations.reserve();
    if (place == Operations.NONE) {
      return operations.full(pe);
    }
    long status = map(pe, rd, base, top, flags, oaddr, place);
    if (status != Status.INCOMPLETE) {
      operations.release(place);
    }
    return status;
  }

  /** RMI_RTT_UNPROT_MAP; x1 how far it came. */
  long unprotected(Pe pe, long rd, long base, long top, long flags, long oaddr) {
    return map(pe, rd, base, top, flags, oaddr, Operations.NONE);
  }

  /**
   * Does either.
   *
   * @param place DATA_MAP's; NONE for unprotected memory, which needs none
   */
  private long map(Pe pe, long rd, long base, long top, long flags, long oaddr, int place) {
    boolean isData = place != Operations.NONE;
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    if (realm.state != Realm.State.NEW && realm.state != Realm.State.ACTIVE) {
      granules.unlock(r);
      return pe.refuse(Status.ERROR_REALM, "the realm is neither NEW nor ACTIVE");
    }
    BlockSource source = source(flags, oaddr);
    if (source == null || Long.compareUnsigned(top, base) <= 0) {
      granules.unlock(r);
      return pe.refuse(
          Status.ERROR_INPUT, "the range is empty, or the flags or the list are not allowed");
    }
    long status = checkRange(pe, realm.geometry, base, top, source.descriptor(), isData);
    if (status == Status.SUCCESS && !isData && (flags >>> S2AP_SHIFT & S2AP) > S2AP_DIRECT) {
      status = pe.refuse(Status.ERROR_INPUT, "permissions are direct here: read and write");
    }
    if (status != Status.SUCCESS) {
      granules.unlock(r);
      return status;
    }
    int level = Block.level(source.descriptor());
    Rtt.walk(granules, pe.walk, realm.geometry, realm.rootGranule, base, level, r);
    if (pe.walk.level != level) {
      status = pe.refuse(Status.rtt(pe.walk.level), "no table of the blocks' level holds base");
    } else {
      status = sweep(pe, realm.geometry, base, top, source, attributes(flags), place);
    }
    granules.unlock(pe.walk.granule);
    return status;
  }

  private @Nullable BlockSource source(long flags, long oaddr) {
    long type = flags & TYPE;
    if (type == SINGLE) {
      return BlockSource.single(context, oaddr);
    }
    HostList list = HostList.of(oaddr, flags >>> LENGTH_SHIFT & LENGTH);
    boolean usable = type == LIST && list.aligned() && list.count() != 0 && list.readable(context);
    return usable ? BlockSource.list(context, list) : null;
  }

  private static long checkRange(
      Pe pe, Geometry geometry, long base, long top, long first, boolean isData) {
    if (isData && Block.state(first) != 0) {
      return pe.refuse(Status.ERROR_INPUT, "the memory is not said to be delegated");
    }
    int level = Block.level(first);
    long last = top - PageLevel.PAGE_SIZE;
    if (level < Geometry.MIN_BLOCK_LEVEL
        || (top & PAGE_MASK) != 0
        || !geometry.mappable(base, level)
        || !geometry.inSpace(last)) {
      return pe.refuse(Status.ERROR_INPUT, "the range does not fit blocks of that size");
    }
    boolean bothProtected = geometry.isProtected(base) && geometry.isProtected(last);
    if (isData != bothProtected) {
      return pe.refuse(Status.ERROR_INPUT, "the range is in the wrong half of the IPA space");
    }
    return Long.compareUnsigned(top - base, Geometry.entrySize(level)) < 0
        ? pe.refuse(Status.rtt(level), "the range is smaller than a block")
        : Status.SUCCESS;
  }

  /** Fills entries from where the walk ended; the table is locked. */
  private long sweep(
      Pe pe,
      Geometry geometry,
      long base,
      long top,
      BlockSource source,
      long attributes,
      int place) {
    boolean isData = place != Operations.NONE;
    int level = pe.walk.level;
    long size = Geometry.entrySize(level);
    long ipa = base;
    int end = Geometry.entries(level);
    long status = Status.SUCCESS;
    for (int i = pe.walk.index; i < end; i++) {
      if (pe.interrupted()) {
        break;
      }
      status = nextBlock(pe, geometry, source, level, top - ipa, isData);
      if (status == Status.SUCCESS) {
        status =
            isData
                ? give(pe, i, ipa, source.address(), place, base)
                : share(pe, geometry, i, source.address() | attributes);
      }
      if (status == Status.INCOMPLETE) {
        return status;
      }
      if (status != Status.SUCCESS) {
        break;
      }
      ipa += size;
    }
    if (ipa == base && status != Status.SUCCESS) {
      return status;
    }
    pe.clearRefusal();
    pe.out1(ipa);
    return Status.SUCCESS;
  }

  private static long nextBlock(
      Pe pe, Geometry geometry, BlockSource source, int level, long left, boolean isData) {
    if (!source.next()) {
      return pe.refuse(Status.ERROR_INPUT, "the list is exhausted");
    }
    long d = source.descriptor();
    if (isData && Block.state(d) != 0) {
      return pe.refuse(Status.ERROR_INPUT, "the memory is not said to be delegated");
    }
    long size = Geometry.entrySize(level);
    if (Block.level(d) != level || Long.compareUnsigned(left, size) < 0) {
      return pe.refuse(Status.rtt(level), "a block has another size, or does not fit below top");
    }
    long pa = source.address();
    if ((pa & (size - 1)) != 0 || (!geometry.lpa2() && pa >>> PA_BITS != 0)) {
      return pe.refuse(Status.ERROR_INPUT, "a block is unaligned or beyond 48 bits");
    }
    return Status.SUCCESS;
  }

  /** Gives a block to the realm as entry {@code i} of the table. */
  private long give(Pe pe, int i, long ipa, long pa, int place, long base) {
    int level = pe.walk.level;
    long e = pe.walk.table[i];
    if (Rtte.isAssigned(e) && Rtte.payload(e) == pa) {
      return Status.SUCCESS;
    }
    if (!Rtte.isUnassigned(e)) {
      return pe.refuse(Status.rtt(level), "the entry leads to other memory or to a table");
    }
    if (operations.isStamped(e)) {
      return pe.refuse(Status.BUSY, "an operation that is not finished has stamped the entry");
    }
    long n = Geometry.entrySize(level) >>> PageLevel.PAGE_SHIFT;
    long given = blocks.give(pe, pa, 0, n);
    long undone = 0;
    if ((given & DataBlocks.REFUSED) != 0) {
      undone = blocks.takeBack(pe, pa, 0, DataBlocks.count(given));
    }
    if (((given | undone) & DataBlocks.INTERRUPTED) != 0) {
      MapOperation rest =
          new MapOperation(
              context,
              blocks,
              place,
              pe.walk.granule,
              i,
              level,
              ipa,
              pa,
              given,
              DataBlocks.count(undone),
              base);
      rest.stamp();
      operations.open(rest);
      pe.out1(place);
      return Status.INCOMPLETE;
    }
    if ((given & DataBlocks.REFUSED) != 0) {
      return pe.refuse(Status.ERROR_INPUT, "a granule of the block is not DELEGATED");
    }
    pe.walk.table[i] = Rtte.of(Rtte.ASSIGNED_EMPTY | Rtte.ripas(e), pa);
    granules.add(pe.walk.granule, 1);
    return Status.SUCCESS;
  }

  private static long attributes(long flags) {
    long memattr = flags >>> MEMATTR_SHIFT & MEMATTR;
    long s2ap = flags >>> S2AP_SHIFT & S2AP_DIRECT;
    return Rtte.attributes(memattr, (s2ap & 2) != 0, (s2ap & 1) != 0);
  }

  /** Maps a block of the host's as entry {@code i} of the table. */
  private long share(Pe pe, Geometry geometry, int i, long address) {
    int level = pe.walk.level;
    long desc = Rtte.hostDescriptor(address, geometry.lpa2());
    if (!Rtte.isHostDescriptor(desc, level, geometry.lpa2())) {
      return pe.refuse(Status.ERROR_INPUT, "the memory attributes are reserved");
    }
    long e = pe.walk.table[i];
    long wanted = Rtte.of(Rtte.ASSIGNED_NS, desc);
    if (operations.isStamped(e)) {
      return pe.refuse(
          Status.rtt(level), "an operation that is not finished has stamped the entry");
    }
    if (e == wanted) {
      return Status.SUCCESS;
    }
    if (Rtte.kind(e) != Rtte.UNASSIGNED_NS) {
      return pe.refuse(Status.rtt(level), "something else is mapped there");
    }
    pe.walk.table[i] = wanted;
    return Status.SUCCESS;
  }

  /** RMI_RTT_DATA_MAP_INIT: copies a page of the host's into a new realm and measures it. */
  long init(Pe pe, long rd, long data, long ipa, long source, long flags) {
    if (Long.compareUnsigned(flags, 1) > 0 || data == rd || !context.isNormalWorld(source)) {
      return pe.refuse(
          Status.ERROR_INPUT,
          "flags are neither 0 nor 1, data is rd, or the source is not the normal world's");
    }
    int first = operations.safeguards().lockPageFirst(granules, data);
    try {
      return initOf(pe, rd, data, ipa, source, flags, first);
    } finally {
      if (first != GranuleTable.NONE) {
        granules.unlock(first);
      }
    }
  }

  private long initOf(Pe pe, long rd, long data, long ipa, long source, long flags, int first) {
    int r = granules.findLock(rd, GranuleState.S_RD);
    if (r == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, r);
    long status = Status.SUCCESS;
    if (realm.state != Realm.State.NEW) {
      status = pe.refuse(Status.ERROR_REALM, "the realm is not NEW");
    } else if (!realm.geometry.isProtected(ipa)
        || !realm.geometry.mappable(ipa, Geometry.PAGE_LEVEL)) {
      status = pe.refuse(Status.ERROR_INPUT, "ipa is unaligned or not in the protected half");
    } else {
      realm.walkToPage(granules, pe.walk, ipa);
      status = init(pe, realm, data, ipa, source, flags == 1, first);
      granules.unlock(pe.walk.granule);
    }
    granules.unlock(r);
    return status;
  }

  private long init(
      Pe pe, Realm realm, long data, long ipa, long source, boolean measure, int first) {
    if (pe.walk.level != Geometry.PAGE_LEVEL) {
      return pe.refuse(Status.rtt(pe.walk.level), "no level 3 table holds ipa");
    }
    long e = pe.walk.entry();
    if (!Rtte.isUnassigned(e)) {
      return pe.refuse(Status.rtt(Geometry.PAGE_LEVEL), "ipa has a page already");
    }
    if (operations.isStamped(e)) {
      return pe.refuse(Status.BUSY, "an operation that is not finished has stamped the entry");
    }
    int d = granules.find(data);
    if (d == GranuleTable.NONE || granules.state(d) != GranuleState.S_DELEGATED) {
      return pe.refuse(Status.ERROR_INPUT, "data is not DELEGATED");
    }
    if (d != first) {
      granules.lock(d);
    }
    if (granules.state(d) != GranuleState.S_DELEGATED) {
      if (d != first) {
        granules.unlock(d);
      }
      return pe.refuse(Status.ERROR_INPUT, "data is not DELEGATED");
    }
    context.copyMeasured(realm, ipa, data, source, measure);
    pe.walk.setEntry(Rtte.of(Rtte.ASSIGNED_RAM, data));
    granules.add(pe.walk.granule, 1);
    granules.setState(d, GranuleState.S_DATA);
    if (d != first) {
      granules.unlock(d);
    }
    return Status.SUCCESS;
  }
}
