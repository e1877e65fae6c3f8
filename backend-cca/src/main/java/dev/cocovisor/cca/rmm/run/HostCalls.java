package dev.cocovisor.cca.rmm.run;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.page.RecExit;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Rec;
import dev.cocovisor.cca.rmm.rtt.Rtte;

/**
 * RSI_HOST_CALL: a structure in realm memory whose registers travel to the host at the exit and
 * back at the next entry.
 */
// TF-RMM runtime/rsi/host_call.c.
public final class HostCalls {
  private static final int STRUCTURE = 256;
  private static final int AT_GPRS = 8;

  private final RealmAccess access;
  private final PhysicalMemory memory;

  public HostCalls(Context context, RealmAccess access) {
    this.access = access;
    this.memory = context.memory();
  }

  /** Takes the realm's call; returns whether control goes to the host. */
  public boolean call(Pe pe, Rec rec) {
    long ipa = rec.regs[1];
    if ((ipa & (STRUCTURE - 1)) != 0 || !rec.realm.geometry.isProtected(ipa)) {
      rec.answer(RealmServices.ERROR_INPUT);
      return false;
    }
    access.walk(pe, rec.realm, ipa & ~0xfffL);
    boolean exits = true;
    if (access.isMapped(pe)) {
      long at = access.translate(pe, ipa & ~0xfffL) + (ipa & 0xfff);
      rec.exit.reason(RecExit.HOST_CALL);
      rec.exit.set(RecExit.AT_IMM, memory.readLong(at) & 0xffff);
      for (int i = 0; i < Rec.REGISTERS; i++) {
        rec.exit.gpr(i, memory.readLong(at + AT_GPRS + i * 8L));
      }
      rec.hostCallPending = true;
    } else if (Rtte.ripas(pe.walk.entry()) == Rtte.RIPAS_EMPTY) {
      rec.answer(RealmServices.ERROR_INPUT);
      exits = false;
    } else {
      Aborts.report(rec, ipa, pe.walk.level);
    }
    access.done(pe);
    return exits;
  }

  /**
   * Completes a pending call at entry.
   *
   * @return false if the structure is not mapped: the REC leaves again with an abort to be resolved
   */
  public boolean complete(Pe pe, Rec rec) {
    if (!rec.hostCallPending) {
      return true;
    }
    long ipa = rec.regs[1];
    access.walk(pe, rec.realm, ipa & ~0xfffL);
    boolean mapped = access.isMapped(pe);
    if (mapped) {
      long at = access.translate(pe, ipa & ~0xfffL) + (ipa & 0xfff);
      for (int i = 0; i < Rec.REGISTERS; i++) {
        memory.writeLong(at + AT_GPRS + i * 8L, rec.entry.gpr(i));
      }
    }
    // A structure that the realm itself made EMPTY is gone; the call still counts as done.
    boolean gone = Rtte.ripas(pe.walk.entry()) == Rtte.RIPAS_EMPTY;
    if (!mapped && !gone) {
      Aborts.report(rec, ipa, pe.walk.level);
    }
    access.done(pe);
    if (!mapped && !gone) {
      return false;
    }
    rec.regs[0] = RealmServices.SUCCESS;
    rec.hostCallPending = false;
    return true;
  }
}
