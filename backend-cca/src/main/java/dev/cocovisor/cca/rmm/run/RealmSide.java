package dev.cocovisor.cca.rmm.run;

import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.page.RecExit;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.realm.Rec;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtte;

/**
 * What happens while a REC runs: its SMCs, its memory accesses and the interrupts that end the run.
 *
 * <p>A REC is named by its granule's address and must have been entered. Where control goes to the
 * host, the run page's exit half is written and {@link Outcome#status} of the returned outcome is
 * the x0 of the REC_ENTER that began the run.
 */
public final class RealmSide {
  /**
   * How a step of a REC ended.
   *
   * @param exited whether control went to the host
   * @param status x0 of REC_ENTER if it did
   */
  public record Outcome(boolean exited, long status) {
    static final Outcome RETURNED = new Outcome(false, 0);
  }

  /** What an access of a realm came to. */
  public enum Access {
    /** It reached memory; its physical address is in the PE's x1. */
    DONE,
    /** The realm itself takes an external abort. */
    ABORT_IN_REALM,
    /** The REC left with a SYNC exit for the host to resolve. */
    EXIT
  }

  private static final long ISV = 1L << 24;
  private static final long WNR = 1L << 6;

  private final Context context;
  private final GranuleTable granules;
  private final RealmAccess access;
  private final RealmServices services;
  private final EnterCommand enterCommand;

  public RealmSide(
      Context context, RealmAccess access, RealmServices services, EnterCommand enterCommand) {
    this.context = context;
    this.granules = context.granules();
    this.access = access;
    this.services = services;
    this.enterCommand = enterCommand;
  }

  /**
   * Makes an SMC from inside a realm: sets x0 to the function and x1 to x10 to its arguments, zero
   * beyond them. Registers after a return are read with {@link #register}.
   */
  public Outcome call(Pe pe, long recAddress, long fid, long... arguments) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, this);
    Rec rec = running(recAddress);
    rec.regs[0] = fid;
    for (int i = 0; i < 10; i++) {
      rec.regs[1 + i] = i < arguments.length ? arguments[i] : 0;
    }
    boolean exits = dispatch(pe, rec, fid);
    return exits ? new Outcome(true, enterCommand.leave(rec)) : Outcome.RETURNED;
  }

  private boolean dispatch(Pe pe, Rec rec, long fid) {
    RsiCall call = RsiCall.of(fid);
    if (call != null) {
      return call.call(services, pe, rec);
    }
    if (isPsci((int) fid)) {
      return services.psci(pe, rec);
    }
    rec.answer(Status.UNKNOWN);
    return false;
  }

  /** PSCI owns function numbers 0 to 0x1f of the standard service range, in both widths. */
  private static boolean isPsci(int fid) {
    return (fid & ~0x4000_001f) == 0x8400_0000;
  }

  /** Ends a run by a physical interrupt. */
  public Outcome interrupt(long recAddress, boolean fast) {
    Rec rec = running(recAddress);
    rec.exit.reason(fast ? RecExit.FIQ : RecExit.IRQ);
    return new Outcome(true, enterCommand.leave(rec));
  }

  /**
   * Translates an access of a running REC.
   *
   * <p>In the protected half EMPTY memory aborts in the realm and memory that is RAM or DESTROYED
   * but not mapped exits to the host. In the shared half a fetch aborts in the realm and an
   * unmapped address exits.
   *
   * @param write a store; else a load or, if {@code fetch}, an instruction
   */
  // DEN0137, "Realm access to IPA"; TF-RMM runtime/core/exit.c, handle_data_abort.
  public Access access(Pe pe, long recAddress, long ipa, boolean write, boolean fetch) {
    Rec rec = running(recAddress);
    Realm realm = rec.realm;
    pe.begin();
    if (!realm.geometry.inSpace(ipa)) {
      return Access.ABORT_IN_REALM;
    }
    boolean isProtected = realm.geometry.isProtected(ipa);
    if (!isProtected && fetch) {
      return Access.ABORT_IN_REALM;
    }
    access.walk(pe, realm, ipa & ~0xfffL);
    long e = pe.walk.entry();
    Access result = Access.EXIT;
    boolean present = isProtected ? access.isMapped(pe) : Rtte.kind(e) == Rtte.ASSIGNED_NS;
    boolean denied = present && !isProtected && !Rtte.hostAllows(e, write);
    if (present && !denied) {
      pe.out1(address(pe, realm, ipa, isProtected));
      result = Access.DONE;
    } else if (isProtected && Rtte.ripas(e) == Rtte.RIPAS_EMPTY) {
      result = Access.ABORT_IN_REALM;
    }
    int level = pe.walk.level;
    access.done(pe);
    if (result == Access.EXIT) {
      long syndrome =
          (write ? WNR : 0) | (isProtected ? 0 : ISV) | (denied ? Aborts.PERMISSION : 0);
      Aborts.reportAccess(rec, ipa, level, syndrome);
      pe.out1(enterCommand.leave(rec));
    }
    return result;
  }

  private long address(Pe pe, Realm realm, long ipa, boolean isProtected) {
    if (isProtected) {
      return access.translate(pe, ipa);
    }
    long size = Geometry.entrySize(pe.walk.level);
    return Rtte.sharedAddress(pe.walk.entry(), pe.walk.level, realm.geometry.lpa2())
        + (ipa & (size - 1));
  }

  /** Returns a general register of a REC, x0 to x30. */
  public long register(long recAddress, int n) {
    return Rec.of(granules, granules.find(recAddress)).regs[n];
  }

  /** Returns the VMID that a REC's accesses carry. */
  public int vmid(long recAddress) {
    return Rec.of(granules, granules.find(recAddress)).realm.vmid;
  }

  private Rec running(long recAddress) {
    int v = context.granules().find(recAddress);
    if (v == GranuleTable.NONE
        || granules.state(v) != GranuleState.S_REC
        || granules.count(v) == 0) {
      throw new IllegalStateException("no REC runs in granule 0x" + Long.toHexString(recAddress));
    }
    return Rec.of(granules, v);
  }
}
