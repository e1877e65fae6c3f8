package dev.cocovisor.cca.rmm.op;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A stateful command of RMI 2.0 that has returned INCOMPLETE and is not finished.
 *
 * <p><b>A life of its own.</b> A command that runs through in one call makes no operation. One that
 * has to stop (an interrupt is pending, memory is needed or has to be given back) leaves what it
 * has begun to an operation, which the host names by a handle: OP_CONTINUE goes on, OP_MEM_DONATE
 * and OP_MEM_RECLAIM move memory in and out, OP_CANCEL undoes. It expects one of these at a time
 * ({@link Expects}); any other is refused and changes nothing. Whichever PE calls next carries it
 * on. It ends when a continuation answers anything but INCOMPLETE or BUSY.
 *
 * <p><b>What it owns.</b> Between its calls no lock is held, so everything the operation relies on
 * has to be kept from others by other means. Each has one owner and one sign:
 *
 * <ul>
 *   <li>An <i>entry</i> that it is about to fill or has emptied is <i>stamped</i> with its handle
 *       ({@link Stamp}). A stamp stands only in an unassigned entry, carries the state the entry
 *       has for everybody else, and counts in its table, so a table with stamps is neither
 *       destroyed nor folded. Nobody but the operation changes a stamped entry.
 *   <li>A <i>table</i> that it will come back to is <i>claimed</i> ({@link #claims}), whether or
 *       not it stamped anything there; else the host could destroy it and use the granule again
 *       while the operation still holds its place.
 *   <li>A <i>granule</i> is in a role of its own (PARTIAL for a REC that is not made or not gone,
 *       REC_AUX for memory given to it, DATA until it is handed back), so no command takes it for
 *       another.
 * </ul>
 *
 * <p><b>Order.</b> Stamps are set under the table's lock, before anything else of the entry
 * changes, and removed last. A granule leaves its old role before it is named to the host. So at
 * every point where the operation may stop, counts equal live and stamped entries and every granule
 * has one role; {@link Operations} names what is still owned.
 *
 * <p>Not thread-safe: {@link Operations} lets one call at a time work on it.
 */
// TF-RMM runtime/rmi/sro.c, lib/sro_context.
public abstract class StatefulOperation {
  /** The call that an operation waits for. */
  public enum Expects {
    /** OP_CONTINUE. */
    CONTINUE,
    /** OP_MEM_DONATE. */
    DONATE,
    /** OP_MEM_RECLAIM. */
    RECLAIM
  }

  private static final int[] NO_TABLES = {};

  protected final Context context;
  protected final GranuleTable granules;
  private final int handle;
  private final AtomicBoolean worked = new AtomicBoolean();
  private Expects expects;

  /** Begins an operation under a handle that its command reserved. */
  protected StatefulOperation(Context context, int handle, Expects expects) {
    this.context = context;
    this.granules = context.granules();
    this.handle = handle;
    this.expects = expects;
  }

  /** Returns the handle. */
  public final int handle() {
    return handle;
  }

  /** Returns the call it waits for. */
  public final Expects expects() {
    return expects;
  }

  /** Changes what it waits for, and returns the status that says so. */
  protected final long expect(Expects next) {
    expects = next;
    return switch (next) {
      case CONTINUE -> Status.INCOMPLETE;
      case DONATE -> Status.DONATE;
      case RECLAIM -> Status.RECLAIM;
    };
  }

  /**
   * Goes on. An answer other than INCOMPLETE (in any of its forms) or BUSY ends the operation.
   *
   * @return x0 of OP_CONTINUE; its outputs are in the PE
   */
  protected abstract long resume(Pe pe);

  /** Begins a call's work on it; false while another PE's lasts. */
  final boolean enter() {
    return worked.compareAndSet(false, true);
  }

  /** Ends a call's work on it. */
  final void leave() {
    worked.set(false);
  }

  /**
   * Answers a donation whose first granule is not DELEGATED.
   *
   * @return x0 of OP_MEM_DONATE
   */
  protected long refusedMemory(Pe pe) {
    throw new IllegalStateException("operation " + handle + " takes no memory");
  }

  /** Returns the memory it takes and gives back. */
  protected Exchange exchange() {
    throw new IllegalStateException("operation " + handle + " moves no memory");
  }

  /** Returns the granules of the tables that it is going to come back to. */
  public int[] tables() {
    return NO_TABLES;
  }

  /** Tells whether it is going to come back to a table, so that nobody may remove it. */
  public final boolean claims(int table) {
    for (int t : tables()) {
      if (t == table) {
        return true;
      }
    }
    return false;
  }

  /** Takes its stamp off the entry of a table, which is locked and keeps its state. */
  protected final void unstamp(int table, int index) {
    long[] entries = granules.table(table);
    entries[index] = Stamp.without(entries[index]);
  }

  /** Stamps an unassigned entry of a locked table. */
  protected final void stamp(int table, int index, int kind) {
    granules.table(table)[index] = Stamp.with(Rtte.of(kind), handle);
  }
}
