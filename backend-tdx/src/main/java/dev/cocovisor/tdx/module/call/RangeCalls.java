package dev.cocovisor.tdx.module.call;

import dev.cocovisor.tdx.module.abi.OpState;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.sept.SeptEntry;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.td.Td;

/**
 * Taking ranges away from the guest and counting it out: MEM.RANGE.BLOCK, UNBLOCK, MEM.TRACK.
 *
 * <p>Source: TDX module 1.5.01, {@code tdh_mem_range_*.c}, {@code tdh_mem_track.c}.
 */
final class RangeCalls {
  private static final int BLOCK_FROM =
      Checks.states(
          SeptState.NL_MAPPED,
          SeptState.MAPPED,
          SeptState.PENDING,
          SeptState.BLOCKEDW,
          SeptState.PENDING_BLOCKEDW);
  private static final int BLOCKED =
      Checks.states(SeptState.NL_BLOCKED, SeptState.BLOCKED, SeptState.PENDING_BLOCKED);

  private final Checks checks;

  RangeCalls(Checks checks) {
    this.checks = checks;
  }

  long block(Frame f, Registers r) {
    long s = checks.begin(f, r, SeamCall.MEM_RANGE_BLOCK);
    if (s == 0) {
      s = checks.entryOf(f, r, 0, Checks.ROOT, true, Checks.ANY);
    }
    if (s != 0) {
      return s;
    }
    SeptState state = SeptState.of(f.entry);
    if (state.blocked()) {
      return Checks.details(f, r, SeamStatus.GPA_RANGE_ALREADY_BLOCKED.with(Operand.RCX));
    }
    s = Checks.entry(f, r, BLOCK_FROM);
    if (s != 0) {
      return s;
    }
    SeptState to =
        switch (state) {
          case NL_MAPPED -> SeptState.NL_BLOCKED;
          case MAPPED, BLOCKEDW -> SeptState.BLOCKED;
          default -> SeptState.PENDING_BLOCKED;
        };
    long entry = SeptEntry.withoutCounter(f.entry, f.level);
    long page = SeptEntry.hpa(entry, f.level);
    int size = state == SeptState.NL_MAPPED ? 0 : f.level;
    checks.pamt(page).setBepoch(size, page, f.td().epoch);
    f.table().update(f.index, SeptEntry.withState(entry, to));
    return 0;
  }

  long unblock(Frame f, Registers r) {
    long s = checks.begin(f, r, SeamCall.MEM_RANGE_UNBLOCK);
    if (s == 0) {
      s = checks.entryOf(f, r, 0, Checks.ROOT, true, BLOCKED);
    }
    if (s != 0) {
      return s;
    }
    SeptState state = SeptState.of(f.entry);
    long page = SeptEntry.hpa(f.entry, f.level);
    int size = state == SeptState.NL_BLOCKED ? 0 : f.level;
    Td td = f.td();
    if (OpState.tracked(td.opState) && !td.tracked(checks.pamt(page).bepoch(size, page))) {
      // The one leaf that blames the tree rather than RCX.
      return SeamStatus.TLB_TRACKING_NOT_DONE.with(Operand.SEPT_TREE);
    }
    f.table().update(f.index, SeptEntry.withState(f.entry, state.unblocked()));
    return 0;
  }

  long track(Frame f, Registers r) {
    long s = checks.tdr(f, r.rcx, Operand.RCX, false);
    if (s == 0) {
      s = checks.tdState(f, SeamCall.MEM_TRACK, true);
    }
    if (s != 0) {
      return s;
    }
    Td td = f.td();
    if (!td.epochLock.tryLock()) {
      return SeamStatus.OPERAND_BUSY.with(Operand.TD_EPOCH);
    }
    try {
      long epoch = td.epoch;
      if (td.references((int) (epoch + 1) & 1) != 0) {
        return SeamStatus.PREVIOUS_TLB_EPOCH_BUSY.code();
      }
      td.epoch = epoch + 1;
      return 0;
    } finally {
      td.epochLock.unlock();
    }
  }
}
