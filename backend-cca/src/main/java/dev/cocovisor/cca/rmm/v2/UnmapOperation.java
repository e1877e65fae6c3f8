package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.op.Block;
import dev.cocovisor.cca.rmm.op.BlockList;
import dev.cocovisor.cca.rmm.op.HostList;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.op.Stamp;
import dev.cocovisor.cca.rmm.op.StatefulOperation;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.v2.UnmapCommands.Output;

/**
 * What follows an unmap's sweep: a pass over the table to invalidate translations, which begins
 * again if it is interrupted; then the granules go back, one by one; then the stamps go. It has an
 * answer ready from the sweep on: how far that came and what memory it was.
 */
// TF-RMM 9a7f8ef4 runtime/rmi/rtt_unmap.c, the drain.
final class UnmapOperation extends StatefulOperation {
  private final Safeguards safeguards;
  private final DataBlocks blocks;
  private final int table;
  private final int level;
  private final Output output;
  private final HostList list;
  private final boolean isData;
  private final BlockList freed;
  private long out;
  private long previous = -1;

  // Where handing granules back stopped: descriptor and granule of it.
  private int descriptor;
  private long granule;

  UnmapOperation(
      Context context,
      Safeguards safeguards,
      int handle,
      int table,
      int level,
      Output output,
      HostList list,
      boolean isData) {
    super(context, handle, Expects.CONTINUE);
    this.safeguards = safeguards;
    this.blocks = new DataBlocks(context, safeguards);
    this.table = table;
    this.level = level;
    this.output = output;
    this.list = list;
    this.isData = isData;
    this.freed = new BlockList(output == Output.LIST ? list.count() : Geometry.ENTRIES);
  }

  /** Notes memory that is taken away; false if the answer has no room for it. */
  boolean add(long pa) {
    boolean apart = previous != -1 && pa != previous + Geometry.entrySize(level);
    if ((output == Output.SINGLE && apart)
        || !freed.add(pa, level, isData ? 0 : Block.UNDELEGATED)) {
      return false;
    }
    previous = pa;
    return true;
  }

  /** Notes how far the sweep came. */
  void reached(long ipa) {
    out = ipa;
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

  /** Goes on from where it stopped; the table is locked. */
  long run(Pe pe) {
    for (int i = 0; i < Geometry.ENTRIES; i++) {
      if (pe.interrupted()) {
        return Status.INCOMPLETE;
      }
    }
    if (isData && !handBack(pe)) {
      return Status.INCOMPLETE;
    }
    long[] entries = granules.table(table);
    for (int i = 0; i < entries.length; i++) {
      if (safeguards.isStamped(entries[i]) && Stamp.handleIn(entries[i]) == handle()) {
        unstamp(table, i);
        granules.add(table, -1);
      }
    }
    answer(pe);
    return Status.SUCCESS;
  }

  private boolean handBack(Pe pe) {
    for (; descriptor < freed.size(); descriptor++, granule = 0) {
      long d = freed.get(descriptor);
      for (; granule < Block.granules(d); granule++) {
        if (pe.interrupted()) {
          return false;
        }
        blocks.handBack(Block.address(d) + (granule << PageLevel.PAGE_SHIFT));
      }
    }
    return true;
  }

  private void answer(Pe pe) {
    pe.out1(out);
    if (output == Output.SINGLE && freed.size() != 0) {
      // One descriptor tells of memory, not whose it is: without the state bit. Recorded.
      pe.out2(freed.get(0) & ~Block.UNDELEGATED);
    } else if (output == Output.LIST && list.readable(context)) {
      pe.out3(freed.size());
      freed.writeOut(context.memory(), list.address(), freed.size());
    }
  }
}
