package dev.cocovisor.tdx.module.call;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.tdx.module.abi.AccessKind;
import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.PendingInterrupts;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.sept.SeptEntry;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.sept.SeptTable;
import dev.cocovisor.tdx.module.td.Td;
import dev.cocovisor.tdx.module.td.TdParams;

/**
 * What a guest does: TDCALLs (those on attributes in {@link AttributeCalls}) and plain accesses.
 *
 * <p>Guest calls walk the Secure EPT without its tree lock; TLB tracking keeps tables alive while
 * any vCPU of their epoch is inside. Source: TDX module 1.5.01, {@code td_dispatcher/vm_exits/},
 * functions tdg_mem_page_accept, tdg_vp_vmcall, td_ept_violation_exit.
 */
final class GuestCalls {
  /** Types of the extended exit qualification, bits 3:0. */
  static final int EEQ_ACCEPT = 1;

  static final int EEQ_PENDING = 6;

  private static final long LEAF_MASK = 0xffff;
  private static final int PAGES_PER_2M = 512;

  /** What RCX of VP.VMCALL must not select: RAX, RCX, RSP and what is no register. */
  private static final long NEVER_PASSED = 0xffffffff00000000L | 1L | 1L << 1 | 1L << 4;

  private static final long RBP = 1L << 5;

  private final Checks checks;
  private final PhysicalMemory memory;
  private final GuestEntry entry;
  final AttributeCalls attributes;

  GuestCalls(Checks checks, PhysicalMemory memory, GuestEntry entry) {
    this.checks = checks;
    this.memory = memory;
    this.entry = entry;
    attributes = new AttributeCalls(checks, entry);
  }

  GuestOutcome tdcall(Processor lp, Registers r) {
    lp.guest();
    GuestEntry.onVmExit(lp);
    TdCall leaf = (r.rax & ~LEAF_MASK) != 0 ? null : TdCall.of((int) r.rax);
    if (leaf == null) {
      r.rax = SeamStatus.OPERAND_INVALID.with(Operand.RAX);
      return GuestOutcome.DONE;
    }
    return leaf.handle(this, lp, r);
  }

  /**
   * Hands the guest's request to the host, which finds RCX in its own RCX and of the other
   * registers those that RCX selects; the rest it finds zero.
   */
  GuestOutcome vmcall(Processor lp, Registers r) {
    long mask = r.rcx;
    boolean keepsRbp = (lp.guest().td().params.configFlags() & TdParams.NO_RBP_MOD) != 0;
    if ((mask & (keepsRbp ? NEVER_PASSED | RBP : NEVER_PASSED)) != 0) {
      r.rax = SeamStatus.OPERAND_INVALID.with(Operand.RCX);
      return GuestOutcome.DONE;
    }
    entry.exit(lp, GuestEntry.TDCALL, mask, passed(mask, 2, r.rdx), passed(mask, 8, r.r8));
    Registers host = lp.exit;
    host.r9 = passed(mask, 9, r.r9);
    host.r10 = passed(mask, 10, r.r10);
    host.r11 = passed(mask, 11, r.r11);
    host.r12 = passed(mask, 12, r.r12);
    host.r13 = passed(mask, 13, r.r13);
    host.r14 = passed(mask, 14, r.r14);
    host.r15 = passed(mask, 15, r.r15);
    return GuestOutcome.TD_EXIT;
  }

  private static long passed(long mask, int bit, long value) {
    return (mask >>> bit & 1) != 0 ? value : 0;
  }

  static long operand(Checks checks, Td td, long rcx, int maxLevel) {
    long s = Checks.pageInfo(rcx, 0, maxLevel);
    if (s == 0 && !checks.privateGpa(td, rcx & SeptEntry.HPA_MASK)) {
      s = SeamStatus.OPERAND_INVALID.with(Operand.RCX);
    }
    return s;
  }

  GuestOutcome accept(Processor lp, Registers r) {
    Td td = lp.guest().td();
    long s = operand(checks, td, r.rcx, 1);
    if (s != 0) {
      r.rax = s;
      return GuestOutcome.DONE;
    }
    Frame f = lp.frame;
    int asked = (int) r.rcx & 7;
    long gpa = r.rcx & SeptEntry.HPA_MASK;
    Checks.walk(f, td, gpa, asked);
    if (f.level != asked) {
      if (SeptState.of(f.entry).guestUsable()) {
        r.rax = SeamStatus.PAGE_ALREADY_ACCEPTED.with(f.level);
        return GuestOutcome.DONE;
      }
      return entry.violationInCall(lp, gpa, asked, EEQ_ACCEPT);
    }
    SeptTable table = f.table();
    if (!table.tryLockGuest(f.index)) {
      // The host-priority form never reaches the guest.
      r.rax = SeamStatus.OPERAND_BUSY.with(Operand.RCX);
      return GuestOutcome.DONE;
    }
    f.entry = table.get(f.index);
    SeptState state = SeptState.of(f.entry);
    boolean violation = false;
    GuestOutcome outcome = GuestOutcome.DONE;
    if (state != SeptState.FREE && !state.leaf()) {
      r.rax = SeamStatus.PAGE_SIZE_MISMATCH.with(f.level);
    } else if (state.guestUsable()) {
      r.rax = SeamStatus.PAGE_ALREADY_ACCEPTED.with(f.level);
    } else if (!state.acceptable()) {
      violation = true;
    } else {
      outcome = zero(lp, f);
      r.rax = 0;
    }
    table.unlock(f.index);
    return violation ? entry.violationInCall(lp, gpa, asked, EEQ_ACCEPT) : outcome;
  }

  /** Zeroes a pending page; between the 4 KiB pages of a 2 MiB one an interrupt may stop it. */
  private GuestOutcome zero(Processor lp, Frame f) {
    long e = f.entry;
    long page = SeptEntry.hpa(e, f.level) >>> PageLevel.PAGE_SHIFT;
    if (f.level == 0) {
      memory.zero(page, 1);
    } else if (lp.interrupts == PendingInterrupts.NONE) {
      memory.zero(page, PAGES_PER_2M);
    } else {
      int done = SeptEntry.acceptCounter(e, 1);
      while (done < PAGES_PER_2M) {
        memory.zero(page + done, 1);
        done++;
        if (done < PAGES_PER_2M && lp.interrupts.poll()) {
          f.table().update(f.index, (e & ~SeptEntry.COUNTER_MASK) | done * SeptEntry.COUNTER_ONE);
          return GuestOutcome.INTERRUPTED;
        }
      }
    }
    SeptState to =
        SeptState.of(e) == SeptState.PENDING ? SeptState.MAPPED : SeptState.EXPORTED_DIRTY;
    f.table().update(f.index, SeptEntry.withState(SeptEntry.withoutCounter(e, f.level), to));
    return GuestOutcome.DONE;
  }

  /** The integrity check of a line failed: the TD is lost. */
  private GuestOutcome machineCheck(Processor lp, Td td) {
    td.markFatal();
    entry.exit(lp, SeamStatus.NON_RECOVERABLE_TD_NON_ACCESSIBLE.code(), 0, 0, 0);
    return GuestOutcome.TD_EXIT;
  }

  /** A load, store or fetch through the Secure EPT, as the hardware walks it. */
  GuestOutcome access(Processor lp, long gpa, AccessKind kind) {
    Td td = lp.guest().td();
    Frame f = lp.frame;
    if (!checks.privateGpa(td, gpa)) {
      // The shared half is the host's own table; the module sees only its violations.
      GuestEntry.onVmExit(lp);
      entry.exit(lp, GuestEntry.EPT_VIOLATION, kind.bit(), 0, gpa & -4096L);
      return GuestOutcome.TD_EXIT;
    }
    Checks.walk(f, td, gpa, 0);
    SeptState state = SeptState.of(f.entry);
    if (state.leaf() && (state.rwx() & kind.bit()) != 0) {
      long hpa = SeptEntry.hpa(f.entry, f.level) | (gpa & ((4096L << (9 * f.level)) - 1));
      if (checks.cipher(hpa).isPoisoned(hpa >>> PageLevel.PAGE_SHIFT)) {
        return machineCheck(lp, td);
      }
      lp.translated = hpa;
      return GuestOutcome.DONE;
    }
    GuestEntry.onVmExit(lp);
    long qualification = kind.bit() | SeptEntry.rwx(f.entry) << 3;
    if (state.acceptable() && !td.params.septVeDisable()) {
      lp.ve.set(GuestEntry.EPT_VIOLATION, qualification, gpa);
      return GuestOutcome.EXCEPTION;
    }
    entry.violation(lp, gpa, qualification, state.acceptable() ? EEQ_PENDING : 0);
    return GuestOutcome.TD_EXIT;
  }
}
