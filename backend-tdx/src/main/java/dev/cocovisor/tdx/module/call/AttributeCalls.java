package dev.cocovisor.tdx.module.call;

import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.sept.SeptEntry;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.td.Td;

/**
 * TDG.MEM.PAGE.ATTR.RD and WR: the attributes of a page in each VM of the TD.
 *
 * <p>L1 has none that could be read or set, and where a TD has no nested VM there are no others; so
 * RD tells size and state of the mapping, and WR checks. RDX and R8 hold 16 bits for each of four
 * VMs, L1 lowest. Source: TDX module 1.5.01, {@code tdg_mem_page_attr_rd.c}, {@code
 * tdg_mem_page_attr_wr.c}.
 */
final class AttributeCalls {
  /** Type of the extended exit qualification of a violation found by ATTR.WR. */
  static final int EEQ_ATTR_WR = 5;

  /** RCX out: the page is pending. */
  static final long PENDING = 1L << 62;

  private static final int VMS = 4;
  private static final int FIELD = 0xffff;
  private static final int FIELD_VALID = 1 << 15;

  private static final int READ_FROM =
      Checks.states(
          SeptState.MAPPED,
          SeptState.BLOCKEDW,
          SeptState.EXPORTED_BLOCKEDW,
          SeptState.EXPORTED_DIRTY,
          SeptState.EXPORTED_DIRTY_BLOCKEDW,
          SeptState.PENDING,
          SeptState.PENDING_BLOCKEDW,
          SeptState.PENDING_EXPORTED_BLOCKEDW,
          SeptState.PENDING_EXPORTED_DIRTY,
          SeptState.PENDING_EXPORTED_DIRTY_BLOCKEDW);
  private static final int WRITE_FROM =
      Checks.states(
          SeptState.MAPPED,
          SeptState.EXPORTED_DIRTY,
          SeptState.PENDING,
          SeptState.PENDING_EXPORTED_DIRTY);

  private final Checks checks;
  private final GuestEntry entry;

  AttributeCalls(Checks checks, GuestEntry entry) {
    this.checks = checks;
    this.entry = entry;
  }

  /** RCX is a plain address, no level: the answer tells the size. */
  GuestOutcome read(Processor lp, Registers r) {
    Td td = lp.guest().td();
    long gpa = r.rcx;
    if (!checks.privateGpa(td, gpa)) {
      return failed(r, SeamStatus.OPERAND_INVALID.with(Operand.RCX));
    }
    Frame f = lp.frame;
    Checks.walk(f, td, gpa, 0);
    if (!lockAndRead(f)) {
      return failed(r, SeamStatus.OPERAND_BUSY.with(Operand.RCX));
    }
    f.table().unlock(f.index);
    SeptState state = SeptState.of(f.entry);
    if ((READ_FROM & state.bit()) == 0) {
      // Unlike that of WR, this exit tells nothing but the address.
      entry.exit(lp, GuestEntry.EPT_VIOLATION, 0, 0, gpa & -4096L);
      return GuestOutcome.TD_EXIT;
    }
    return done(r, (gpa & -(4096L << (9 * f.level))) | f.level, state);
  }

  GuestOutcome write(Processor lp, Registers r) {
    Td td = lp.guest().td();
    long s = fields(r.rdx, r.r8, td.params.numL2Vms());
    if (s == 0) {
      s = GuestCalls.operand(checks, td, r.rcx, 2);
    }
    if (s != 0) {
      return failed(r, s);
    }
    Frame f = lp.frame;
    int asked = (int) r.rcx & 7;
    long gpa = r.rcx & SeptEntry.HPA_MASK;
    Checks.walk(f, td, gpa, asked);
    if (f.level != asked) {
      return entry.violationInCall(lp, gpa, asked, EEQ_ATTR_WR);
    }
    if (!lockAndRead(f)) {
      return failed(r, SeamStatus.OPERAND_BUSY.with(Operand.RCX));
    }
    f.table().unlock(f.index);
    SeptState state = SeptState.of(f.entry);
    if (state != SeptState.FREE && !state.leaf()) {
      return failed(r, SeamStatus.PAGE_SIZE_MISMATCH.with(f.level));
    }
    if ((WRITE_FROM & state.bit()) == 0) {
      return entry.violationInCall(lp, gpa, asked, EEQ_ATTR_WR);
    }
    return done(r, r.rcx, state);
  }

  /** Checks the attributes and flags of VM after VM; what a TD does not have must be zero. */
  private static long fields(long attributes, long flags, int nestedVms) {
    for (int vm = 0; vm < VMS; vm++) {
      int attribute = (int) (attributes >>> (16 * vm)) & FIELD;
      boolean settable = vm > 0 && vm <= nestedVms;
      if (attribute != 0 && (!settable || (attribute & FIELD_VALID) == 0)) {
        return SeamStatus.OPERAND_INVALID.with(Operand.RDX);
      }
      if (!settable && ((int) (flags >>> (16 * vm)) & FIELD) != 0) {
        return SeamStatus.OPERAND_INVALID.with(Operand.R8);
      }
    }
    return 0;
  }

  private static boolean lockAndRead(Frame f) {
    if (!f.table().tryLockGuest(f.index)) {
      return false;
    }
    f.entry = f.table().get(f.index);
    return true;
  }

  private static GuestOutcome failed(Registers r, long status) {
    r.rax = status;
    r.rcx = 0;
    r.rdx = 0;
    return GuestOutcome.DONE;
  }

  private static GuestOutcome done(Registers r, long mapping, SeptState state) {
    r.rax = 0;
    r.rcx = state.pending() ? mapping | PENDING : mapping;
    r.rdx = 0;
    return GuestOutcome.DONE;
  }
}
