package dev.cocovisor.cca.rmm.run;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.page.RecEntry;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Rec;
import dev.cocovisor.cca.rmm.rtt.Rtte;

/** RMI_REC_ENTER: checks, what the host answers to the last exit, and the way back to the host. */
// TF-RMM runtime/rmi/run.c, smc_rec_enter.
public final class EnterCommand {
  private static final long ESR_EC = 0xfc00_0000L;
  private static final long ESR_DATA_ABORT = 0x9000_0000L;
  private static final long ESR_ISV = 1L << 24;
  private static final long ESR_WNR = 1L << 6;
  private static final int ACCEPT = 0;
  private static final int REJECT = 1;

  private final Context context;
  private final GranuleTable granules;
  private final HostCalls hostCalls;
  private final EntryRules rules;

  /** Creates the command under the rules of a version. */
  public EnterCommand(Context context, HostCalls hostCalls, EntryRules rules) {
    this.rules = rules;
    this.context = context;
    this.granules = context.granules();
    this.hostCalls = hostCalls;
  }

  /**
   * Enters a REC. On success the REC either runs ({@link Pe#entered}) until {@link #leave}, or it
   * left at once because its pending host call cannot be completed.
   */
  public long enter(Pe pe, long recAddress, long runPage) {
    if (!context.isNormalWorld(runPage)) {
      return pe.refuse(Status.ERROR_INPUT, "the run page is not memory of the normal world");
    }
    int v = granules.findLock(recAddress, GranuleState.S_REC);
    if (v == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rec is no REC");
    }
    if (granules.count(v) != 0) {
      granules.unlock(v);
      return pe.refuse(Status.ERROR_REC, "the REC is running");
    }
    granules.addAtomic(v, 1);
    Rec rec = Rec.of(granules, v);
    rec.realm.running.incrementAndGet();
    granules.unlock(v);

    rec.entry.read(context.memory(), runPage);
    long status = check(pe, rec);
    if (status != Status.SUCCESS) {
      giveBack(rec);
      return status;
    }
    rec.runPage = runPage;
    rec.exit.clear();
    completeRipas(rec, rec.entry.has(RecEntry.RIPAS_REJECT) ? REJECT : ACCEPT);
    rules.complete(rec);
    if (!hostCalls.complete(pe, rec)) {
      return leave(rec);
    }
    rec.lastEsr = 0;
    pe.setEntered();
    return Status.SUCCESS;
  }

  private long check(Pe pe, Rec rec) {
    long status = rules.check(pe, rec);
    if (status != Status.SUCCESS) {
      return status;
    }
    return answerAbort(rec)
        ? Status.SUCCESS
        : pe.refuse(Status.ERROR_REC, "the answer does not fit the last exit");
  }

  /** The host may emulate or fail an access to shared memory, and only such an access. */
  // TF-RMM runtime/rmi/run.c, complete_sea_insertion and complete_mmio_emulation.
  private boolean answerAbort(Rec rec) {
    boolean dataAbort = (rec.lastEsr & ESR_EC) == ESR_DATA_ABORT;
    if (rec.entry.has(RecEntry.INJECT_SEA)) {
      return dataAbort && !rec.realm.geometry.isProtected(rec.lastHpfar << 8);
    }
    if (!rec.entry.has(RecEntry.EMULATED_MMIO)) {
      return true;
    }
    if (!dataAbort || (rec.lastEsr & ESR_ISV) == 0) {
      return false;
    }
    int rt = (int) (rec.lastEsr >>> 16) & 0x1f;
    if ((rec.lastEsr & ESR_WNR) == 0 && rt != 31) {
      int bits = 8 << ((rec.lastEsr >>> 22) & 3);
      long mask = bits == 64 ? -1L : (1L << bits) - 1;
      rec.regs[rt] = rec.entry.gpr(0) & mask;
    }
    rec.pc += 4;
    return true;
  }

  /** Tells the realm how far its RIPAS change came. */
  private static void completeRipas(Rec rec, int response) {
    if (rec.ripasBase == rec.ripasTop) {
      return;
    }
    boolean rejected =
        rec.ripasValue == Rtte.RIPAS_RAM && rec.ripasAddr != rec.ripasTop && response == REJECT;
    rec.answer(RealmServices.SUCCESS);
    rec.regs[1] = rec.ripasAddr;
    rec.regs[2] = rejected ? REJECT : ACCEPT;
    rec.ripasBase = 0;
    rec.ripasTop = 0;
  }

  /**
   * Ends a run: writes the exit half of the run page and gives the REC back.
   *
   * @return the x0 of the REC_ENTER that began the run
   */
  public long leave(Rec rec) {
    long status = Status.ERROR_INPUT;
    if (context.isNormalWorld(rec.runPage)) {
      rec.exit.write(context.memory(), rec.runPage);
      status = Status.SUCCESS;
    }
    giveBack(rec);
    return status;
  }

  private void giveBack(Rec rec) {
    rec.realm.running.decrementAndGet();
    granules.addAtomic(rec.granule, -1);
  }
}
