package dev.cocovisor.tdx.kvm;

import dev.cocovisor.tdx.module.SeamCalls;
import dev.cocovisor.tdx.module.TdxModule;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.td.Tdvps;

/**
 * In and out of the guest: VP.ENTER, and what counts as being inside.
 *
 * <p>While somebody wants all vCPUs outside, none even tries (wait_for_sept_zap). A vCPU that
 * completed its action leaves by an interrupt, so that none is inside while its owner does
 * something else. Source: Linux 7.3, {@code arch/x86/kvm/vmx/tdx.c}, tdx_vcpu_run,
 * tdx_vcpu_enter_exit, tdx_exit_handlers_fastpath.
 */
final class VcpuEntry {
  /** VMX exit reason of an EPT violation, as VP.ENTER answers it. */
  static final long EPT_VIOLATION = 0x30;

  /** Answer of {@link #enter}: the vCPU is inside. */
  static final long ENTERED = 0;

  /** No instruction that a guest could be thrown out of. */
  static final long NO_INSTRUCTION = -1;

  private static final long INTERRUPT = 1;
  private static final int BUSY_TRIES = 64;

  private final TdxVm td;

  VcpuEntry(TdxVm td) {
    this.td = td;
  }

  private TdxModule module() {
    return td.platform().module();
  }

  /** Enters the guest; {@link #ENTERED}, or what ended the attempt: a status or exit reason. */
  long enter(TdxVcpu v) {
    SeamCalls seam = v.seam;
    if (seam == null) {
      throw new IllegalStateException("a vCPU that was never initialised runs");
    }
    td.guestMode().lockShared();
    v.inGuestMode = true;
    long s = seam.vpEnter(v.tdvpr);
    td.seam().made(SeamCall.VP_ENTER, v.tdvpr, s);
    for (int i = 0; busy(s) && i < BUSY_TRIES; i++) {
      // KVM leaves its fast path and comes again.
      Thread.onSpinWait();
      s = seam.vpEnter(v.tdvpr);
      td.seam().made(SeamCall.VP_ENTER, v.tdvpr, s);
    }
    if (s == SeamStatus.IN_GUEST) {
      return ENTERED;
    }
    outside(v);
    if (s == EPT_VIOLATION) {
      v.extendedQualification = seam.rdx();
      v.violation = seam.r8();
    }
    return s;
  }

  /**
   * Says what the guest, which is inside, is about to do. A guest that was thrown out of one
   * instruction and now does another one ran something in between, an interrupt handler say: the
   * zero-step guard counts faults of one instruction only.
   *
   * @param instruction names what it does; {@link #NO_INSTRUCTION} for what never faults
   */
  void at(TdxVcpu v, long instruction) {
    Tdvps inside = v.instruction == instruction ? null : module().inside(v.lp);
    v.instruction = instruction;
    if (inside != null) {
      inside.advanceRip();
    }
  }

  /** A lock that stays busy is no error: whoever wants in tries again later. */
  static boolean busy(long status) {
    return SeamStatus.OPERAND_BUSY.is(status);
  }

  /** The vCPU is out of the guest, however it came out. */
  void outside(TdxVcpu v) {
    if (v.inGuestMode) {
      v.inGuestMode = false;
      td.guestMode().unlockShared();
    }
  }

  /**
   * The vCPU leaves by an interrupt.
   *
   * @param progress whether the guest completed its instruction
   */
  void leave(TdxVcpu v, boolean progress) {
    Tdvps inside = module().inside(v.lp);
    if (inside != null) {
      if (progress) {
        v.instruction = NO_INSTRUCTION;
        inside.advanceRip();
      }
      module().vmExit(v.lp, INTERRUPT);
    }
    outside(v);
  }

  /** The vCPU leaves for what its processor did; the host's registers say what. */
  void exit(TdxVcpu v, long reason, long qualification, long interruption) {
    module().vmExit(v.lp, reason, qualification, interruption);
    outside(v);
  }
}
