package dev.cocovisor.tdx.module;

import dev.cocovisor.api.mem.PhysicalMemory;

/**
 * What a guest does: TDCALLs and plain accesses.
 *
 * <p>Guest calls walk the Secure EPT without its tree lock; TLB tracking keeps tables alive while
 * any vCPU of their epoch is inside. Source: TDX module 1.5.01, {@code td_dispatcher/vm_exits/},
 * functions tdg_mem_page_accept, tdg_mem_page_attr_rd, tdg_mem_page_attr_wr, td_ept_violation_exit.
 */
final class GuestCalls {
  /** Types of the extended exit qualification, bits 3:0. */
  static final int EEQ_ACCEPT = 1;

  static final int EEQ_ATTR_WR = 5;
  static final int EEQ_PENDING = 6;

  private static final long LEAF_MASK = 0xffff;
  private static final int PAGES_PER_2M = 512;

  /** Attributes of a page for L1: read, write, execute and that the field is valid. */
  private static final long L1_ATTRIBUTES = 0x7;

  private static final long L1_VALID = 1L << 15;

  private final Checks checks;
  private final PhysicalMemory memory;
  private final GuestEntry entry;

  GuestCalls(Checks checks, PhysicalMemory memory, GuestEntry entry) {
    this.checks = checks;
    this.memory = memory;
    this.entry = entry;
  }

  GuestOutcome tdcall(Processor lp, Registers r) {
    lp.guest();
    GuestEntry.onVmExit(lp);
    TdCall leaf = (r.rax & ~LEAF_MASK) != 0 ? null : TdCall.of((int) r.rax);
    if (leaf == null) {
      r.rax = SeamStatus.OPERAND_INVALID.with(Operand.RAX);
      return GuestOutcome.DONE;
    }
    return switch (leaf) {
      case MEM_PAGE_ACCEPT -> accept(lp, r);
      case MEM_PAGE_ATTR_RD -> readAttributes(lp, r);
      case MEM_PAGE_ATTR_WR -> writeAttributes(lp, r);
      case VP_VMCALL -> vmcall(lp, r);
    };
  }

  /** Hands the guest's request to the host: RCX says which registers it shows. */
  private GuestOutcome vmcall(Processor lp, Registers r) {
    entry.exit(lp, GuestEntry.TDCALL, r.rcx, r.rdx, r.r8);
    lp.exit.r9 = r.r9;
    lp.exit.r10 = r.r10;
    lp.exit.r11 = r.r11;
    return GuestOutcome.TD_EXIT;
  }

  private long operand(Td td, long rcx, int maxLevel) {
    long s = Checks.pageInfo(rcx, 0, maxLevel);
    if (s == 0 && !checks.privateGpa(td, rcx & SeptEntry.HPA_MASK)) {
      s = SeamStatus.OPERAND_INVALID.with(Operand.RCX);
    }
    return s;
  }

  private GuestOutcome accept(Processor lp, Registers r) {
    Td td = lp.guest().td();
    long s = operand(td, r.rcx, 1);
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
      return violation(lp, gpa, asked, EEQ_ACCEPT);
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
    return violation ? violation(lp, gpa, asked, EEQ_ACCEPT) : outcome;
  }

  /** Zeroes a pending page; between the 4 KiB pages of a 2 MiB one an interrupt may stop it. */
  private GuestOutcome zero(Processor lp, Frame f) {
    long e = f.entry;
    long page = SeptEntry.hpa(e, f.level) >>> 12;
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

  /** A TD exit that tells the host which level the guest wanted and what the walk found. */
  private GuestOutcome violation(Processor lp, long gpa, int asked, int type) {
    Frame f = lp.frame;
    SeptState state = SeptState.of(f.entry);
    long info = asked | (long) f.level << 3 | (long) state.number() << 6;
    if (state.leaf()) {
      info |= 1L << 14;
    }
    long qualification = GuestEntry.DATA_WRITE | SeptEntry.rwx(f.entry) << 3;
    entry.exit(lp, GuestEntry.EPT_VIOLATION, qualification, info << 32 | type, gpa);
    return GuestOutcome.TD_EXIT;
  }

  private GuestOutcome readAttributes(Processor lp, Registers r) {
    Td td = lp.guest().td();
    long s = operand(td, r.rcx, 2);
    if (s != 0) {
      r.rax = s;
      return GuestOutcome.DONE;
    }
    Frame f = lp.frame;
    long gpa = r.rcx & SeptEntry.HPA_MASK;
    Checks.walk(f, td, gpa, 0);
    SeptState state = SeptState.of(f.entry);
    if (!state.guestUsable() && !state.acceptable()) {
      long qualification = GuestEntry.DATA_WRITE | SeptEntry.rwx(f.entry) << 3;
      entry.exit(lp, GuestEntry.EPT_VIOLATION, qualification, 0, gpa);
      return GuestOutcome.TD_EXIT;
    }
    r.rax = 0;
    r.rcx = (gpa & -(4096L << (9 * f.level))) | f.level;
    r.rdx = L1_VALID | (state.acceptable() ? 0 : L1_ATTRIBUTES);
    return GuestOutcome.DONE;
  }

  /** Attributes of L1 are fixed; those of nested VMs cannot be set where there is none. */
  private GuestOutcome writeAttributes(Processor lp, Registers r) {
    Td td = lp.guest().td();
    long s = operand(td, r.rcx, 2);
    if (s == 0 && r.rdx != 0) {
      s = SeamStatus.OPERAND_INVALID.with(Operand.RDX);
    }
    if (s == 0 && r.r8 != 0) {
      s = SeamStatus.OPERAND_INVALID.with(Operand.R8);
    }
    if (s != 0) {
      r.rax = s;
      return GuestOutcome.DONE;
    }
    Frame f = lp.frame;
    int asked = (int) r.rcx & 7;
    long gpa = r.rcx & SeptEntry.HPA_MASK;
    Checks.walk(f, td, gpa, asked);
    if (f.level != asked) {
      return violation(lp, gpa, asked, EEQ_ATTR_WR);
    }
    SeptTable table = f.table();
    if (!table.tryLockGuest(f.index)) {
      r.rax = SeamStatus.OPERAND_BUSY.with(Operand.RCX);
      return GuestOutcome.DONE;
    }
    f.entry = table.get(f.index);
    table.unlock(f.index);
    SeptState state = SeptState.of(f.entry);
    if (state == SeptState.NL_MAPPED || state == SeptState.NL_BLOCKED) {
      r.rax = SeamStatus.PAGE_SIZE_MISMATCH.with(f.level);
      return GuestOutcome.DONE;
    }
    boolean writable =
        state == SeptState.MAPPED || state == SeptState.EXPORTED_DIRTY || state.acceptable();
    if (!writable) {
      return violation(lp, gpa, asked, EEQ_ATTR_WR);
    }
    r.rax = 0;
    r.rdx = L1_VALID | (state.acceptable() ? 0 : L1_ATTRIBUTES);
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
      if (checks.cipher(hpa).isPoisoned(hpa >>> 12)) {
        return machineCheck(lp, td);
      }
      lp.translated = hpa;
      return GuestOutcome.DONE;
    }
    GuestEntry.onVmExit(lp);
    long qualification = kind.bit() | SeptEntry.rwx(f.entry) << 3;
    if (state.acceptable() && !td.params.septVeDisable()) {
      lp.ve.reason = GuestEntry.EPT_VIOLATION;
      lp.ve.qualification = qualification;
      lp.ve.gpa = gpa;
      return GuestOutcome.EXCEPTION;
    }
    entry.violation(lp, gpa, qualification, state.acceptable() ? EEQ_PENDING : 0);
    return GuestOutcome.TD_EXIT;
  }
}
