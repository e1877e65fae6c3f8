package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.op.Stamp;
import dev.cocovisor.cca.rmm.op.StatefulOperation;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtte;

/**
 * One block of a DATA_MAP that an interrupt stopped: some of its granules are DATA, its entry is
 * stamped. It finishes this block alone, forwards or, if a granule is not DELEGATED, backwards.
 */
// TF-RMM 9a7f8ef4 runtime/rmi/rtt_map.c, data_map_drain_pending.
final class MapOperation extends StatefulOperation {
  private final DataBlocks blocks;
  private final int table;
  private final int index;
  private final long ipa;
  private final long pa;
  private final long size;
  private final boolean progressed;
  private long given;
  private long undone;
  private boolean backwards;

  /**
   * Takes over from the command.
   *
   * @param given what {@link DataBlocks#give} came to
   * @param undone how many granules are DELEGATED again
   * @param base where the command began
   */
  MapOperation(
      Context context,
      DataBlocks blocks,
      int handle,
      int table,
      int index,
      int level,
      long ipa,
      long pa,
      long given,
      long undone,
      long base) {
    super(context, handle, Expects.CONTINUE);
    this.blocks = blocks;
    this.table = table;
    this.index = index;
    this.ipa = ipa;
    this.pa = pa;
    this.size = Geometry.entrySize(level);
    this.progressed = ipa != base;
    this.given = DataBlocks.count(given);
    this.undone = undone;
    this.backwards = (given & DataBlocks.REFUSED) != 0;
  }

  /** Marks the entry; the table is locked. */
  void stamp() {
    long[] entries = granules.table(table);
    entries[index] = Stamp.with(entries[index], handle());
    granules.add(table, 1);
  }

  @Override
  public int[] tables() {
    return new int[] {table};
  }

  @Override
  protected long resume(Pe pe) {
    granules.lock(table);
    long status = run(pe);
    granules.unlock(table);
    return status;
  }

  private long run(Pe pe) {
    if (!backwards) {
      long result = blocks.give(pe, pa, given, size >>> PageLevel.PAGE_SHIFT);
      given = DataBlocks.count(result);
      if ((result & DataBlocks.INTERRUPTED) != 0) {
        return Status.INCOMPLETE;
      }
      backwards = (result & DataBlocks.REFUSED) != 0;
    }
    return backwards ? rollBack(pe) : finish(pe);
  }

  private long finish(Pe pe) {
    long[] entries = granules.table(table);
    entries[index] = Rtte.of(Rtte.ASSIGNED_EMPTY | Rtte.ripas(entries[index]), pa);
    pe.out1(ipa + size);
    return Status.SUCCESS;
  }

  private long rollBack(Pe pe) {
    long result = blocks.takeBack(pe, pa, undone, given);
    undone = DataBlocks.count(result);
    if ((result & DataBlocks.INTERRUPTED) != 0) {
      return Status.INCOMPLETE;
    }
    unstamp(table, index);
    granules.add(table, -1);
    if (progressed) {
      pe.out1(ipa);
      return Status.SUCCESS;
    }
    return pe.refuse(Status.ERROR_INPUT, "a granule of the block is not DELEGATED");
  }
}
