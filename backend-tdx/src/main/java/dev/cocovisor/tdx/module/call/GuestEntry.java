package dev.cocovisor.tdx.module.call;

import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.pamt.PageType;
import dev.cocovisor.tdx.module.sept.SeptEntry;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.td.Td;
import dev.cocovisor.tdx.module.td.Tdvps;

/**
 * Into the guest and out of it: VP.ENTER, TD exits, TLB epochs and the zero-step guard.
 *
 * <p>A vCPU inside the guest keeps its TDVPR (with the larger sizes of its PAMT path) and the TDR
 * locked shared, and is counted in the epoch it entered in. Source: TDX module 1.5.01, {@code
 * tdh_vp_enter.c}, {@code td_exit.c}, {@code td_exit_stepping.c}.
 */
final class GuestEntry {
  /** VMX exit reason of an external interrupt. */
  static final long INTERRUPT = 1;

  /** VMX exit reason of a TDCALL that asks for the host. */
  static final long TDCALL = 77;

  /** VMX exit reason of an EPT violation. */
  static final long EPT_VIOLATION = 0x30;

  /** Exit qualification of a data write. */
  static final long DATA_WRITE = 2;

  private static final long FLAGS_RESERVED = ~(SeptEntry.HPA_MASK | 3);

  private final Checks checks;
  private final VcpuLifecycle vcpus;

  GuestEntry(Checks checks, VcpuLifecycle vcpus) {
    this.checks = checks;
    this.vcpus = vcpus;
  }

  /** Enters, or returns why not; RCX, RDX and R8 matter for an emulated EPT violation only. */
  long enter(Frame f, Registers r, Processor lp) {
    if (lp.inside != null) {
      throw new IllegalStateException("processor " + lp.number + " is inside a guest");
    }
    long handle = r.rcx;
    if ((handle & FLAGS_RESERVED) != 0) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RCX);
    }
    long tdvpr = handle & SeptEntry.HPA_MASK;
    long s = checks.page(f, tdvpr, 0, false, PageType.TDVPR, Operand.RCX);
    if (s != 0) {
      return s;
    }
    Tdvps v = vcpus.tdvps(tdvpr);
    s = checks.ownerTdr(f, v.td(), false);
    if (s == 0) {
      s = checks.tdState(f, SeamCall.VP_ENTER, true);
    }
    if (s != 0) {
      return s;
    }
    if (!VcpuLifecycle.complete(v)) {
      return SeamStatus.TDCX_NUM_INCORRECT.code();
    }
    if (v.state != Tdvps.READY) {
      return SeamStatus.VCPU_STATE_INCORRECT.code();
    }
    boolean newlyAssociated = v.processor() == -1;
    if (!v.associate(lp.number)) {
      return SeamStatus.VCPU_ASSOCIATED.code();
    }
    Td td = v.td();
    if (newlyAssociated) {
      td.addAssociated(1);
    }
    // Bit 0 resumes L1 after an exit from L2, bit 1 hints at recovery after a trap-like exit: the
    // vCPU has had neither.
    if ((handle & 3) != 0) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RCX);
    }
    if (!td.epochLock.tryLockShared()) {
      return SeamStatus.OPERAND_BUSY.with(Operand.TD_EPOCH);
    }
    long epoch = td.epoch;
    td.reference(epoch, 1);
    td.epochLock.unlockShared();
    v.flushOnEntry |= newlyAssociated || epoch != v.lastEpoch;
    v.lastEpoch = epoch;

    lp.ripOnEntry = v.rip();
    if (v.stepGuard.armed()) {
      s = guard(f, r, v, td);
      if (s != 0) {
        td.reference(epoch, -1);
        return s;
      }
    }
    v.state = Tdvps.ACTIVE;
    lp.inside = v;
    lp.translationsDropped = v.flushOnEntry;
    v.flushOnEntry = false;
    lp.guestLocks = f.exchangePamtLocks(lp.guestLocks);
    return SeamStatus.IN_GUEST;
  }

  /** Refuses to enter while a logged address would fault again. */
  private static long guard(Frame f, Registers r, Tdvps v, Td td) {
    if (!f.lockTree(td, true)) {
      return SeamStatus.OPERAND_BUSY.with(Operand.SEPT_TREE);
    }
    for (int i = 0; i < v.stepGuard.count(); i++) {
      long gpa = v.stepGuard.address(i);
      Checks.walk(f, td, gpa, 0);
      if (!SeptEntry.isLeaf(f.entry) || SeptEntry.rwx(f.entry) != 7) {
        r.rcx = DATA_WRITE;
        r.rdx = 0;
        r.r8 = gpa & -4096L;
        r.r9 = 0;
        r.r10 = 0;
        r.r11 = 0;
        return EPT_VIOLATION;
      }
    }
    return 0;
  }

  /** Every VM exit: an instruction completed since the entry disarms the guard. */
  static void onVmExit(Processor lp) {
    Tdvps v = lp.guest();
    if (v.rip() != lp.ripOnEntry) {
      v.stepGuard.progress();
    }
  }

  /** Leaves the guest and gives the host its registers. */
  void exit(Processor lp, long rax, long rcx, long rdx, long r8) {
    Tdvps v = lp.guest();
    Td td = v.td();
    lp.exit.clear();
    lp.exit.rax = rax;
    lp.exit.rcx = rcx;
    lp.exit.rdx = rdx;
    lp.exit.r8 = r8;
    td.reference(v.lastEpoch, -1);
    v.state = Tdvps.READY;
    lp.inside = null;
    lp.guestLocks.releaseAll();
  }

  /**
   * A TD exit by an EPT violation of a plain access to a private address: the guard keeps count.
   * Violations that TDCALLs find are not counted.
   */
  void violation(Processor lp, long gpa, long qualification, long extended) {
    lp.guest().stepGuard.fault(gpa);
    exit(lp, EPT_VIOLATION, qualification, extended, gpa & -4096L);
  }

  /**
   * A TD exit by an EPT violation a TDCALL found: it tells the host which level the guest wanted
   * and where the walk ended, which the processor's frame still knows.
   */
  GuestOutcome violationInCall(Processor lp, long gpa, int asked, int type) {
    Frame f = lp.frame;
    SeptState state = SeptState.of(f.entry);
    long info = asked | (long) f.level << 3 | (long) state.number() << 6;
    if (state.leaf()) {
      info |= 1L << 14;
    }
    long qualification = DATA_WRITE | SeptEntry.rwx(f.entry) << 3;
    exit(lp, EPT_VIOLATION, qualification, info << 32 | type, gpa);
    return GuestOutcome.TD_EXIT;
  }
}
