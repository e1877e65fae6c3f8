package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.snp.rmp.CpuMode;
import dev.cocovisor.snp.rmp.RmpAccess;
import dev.cocovisor.snp.rmp.RmpInstruction;
import dev.cocovisor.snp.rmp.RmpOutcome;
import dev.cocovisor.snp.rmp.RmpReasons;

/**
 * VMRUN: what the processor checks of a vCPU's pages each time its guest is entered.
 *
 * <p>A load or store is one entry; nothing can come between its check and its access, so no page is
 * marked. An instruction that changes the RMP can be interleaved with another processor's, so while
 * it runs VMCB and VMSA are in use, and the vCPU is in the guest for whoever waits for it. Source:
 * APM volume 2, 15.36.12; {@code arch/x86/kvm/svm/svm.c}, svm_handle_exit (SVM_EXIT_ERR) and
 * vmenter.S (#GP).
 */
final class VmEntry {
  private static final long NO_AVIC = -1;

  private final SevVm sev;
  private final SaveAreas saveAreas;
  private final RmpAccess access;
  private final RmpReasons reasons;
  private final Interposer plan;

  VmEntry(SevVm sev, SaveAreas saveAreas) {
    this.sev = sev;
    this.saveAreas = saveAreas;
    this.access = sev.platform().access();
    this.reasons = new RmpReasons(sev.platform().rmp());
    this.plan = sev.platform().failures();
  }

  CpuMode mode(SevVcpu s) {
    return CpuMode.guest(sev.info().asid).atVmpl(s.vmpl);
  }

  private CpuMode guest() {
    return sev.isSnp() ? CpuMode.guest(sev.info().asid) : CpuMode.HOST;
  }

  /** Checks an entry; where it fails the vCPU's exit is set. */
  boolean check(VcpuContext vcpu) {
    SevVcpu s = sev.stateOf(vcpu);
    GhcbDevices.finish(s);
    long out;
    do {
      saveAreas.reloadIfAsked(s);
      if (!before(vcpu, s)) {
        return false;
      }
      out = access.vmrunCheck(s.vmcb, NO_AVIC, s.vmsaInUse, s.vmsaGpa, guest());
      // What is asked for before the entry counts before it.
    } while (out != RmpOutcome.OK && s.reloadRequested);
    return passes(vcpu, s, out);
  }

  /**
   * Enters until {@link #leave}.
   *
   * @return ALLOW, entered; RETRY if something was wanted of the vCPU, so that all has to be looked
   *     up again; EXIT, with the vCPU's exit set
   */
  AccessOutcome enter(VcpuContext vcpu) {
    if (!check(vcpu)) {
      return AccessOutcome.EXIT;
    }
    SevVcpu s = sev.stateOf(vcpu);
    Errno r = vcpu.enterGuest();
    if (!r.ok()) {
      s.exit = vcpu.exit();
      return r == Errno.EAGAIN ? AccessOutcome.RETRY : AccessOutcome.EXIT;
    }
    if (passes(vcpu, s, access.vmrun(s.vmcb, NO_AVIC, s.vmsaInUse, s.vmsaGpa, guest()))) {
      return AccessOutcome.ALLOW;
    }
    vcpu.leaveGuest();
    return AccessOutcome.EXIT;
  }

  /** Asks the plan of failures; an interrupt of the host only makes KVM enter again. */
  private boolean before(VcpuContext vcpu, SevVcpu s) {
    // A page that is freed was asked back before.
    if (s.guestVmsaGpa >= 0
        && sev.platform().machine().memory().isFree(s.vmsaInUse)
        && !s.reloadRequested) {
      sev.context().bug("VMRUN with pfn 0x" + Long.toHexString(s.vmsaInUse) + ", which is free");
    }
    long instead;
    do {
      instead = plan.before(RmpInstruction.VMRUN, s.vmcb << PAGE_SHIFT, s.vmsaInUse, 0, 0);
    } while (instead == RmpOutcome.INTERRUPTED);
    if (instead == Interposer.PROCEED) {
      return true;
    }
    sev.refused("VMEXIT_INVALID", "planned by the run");
    failEntry(vcpu);
    return false;
  }

  void leave(VcpuContext vcpu) {
    SevVcpu s = sev.stateOf(vcpu);
    access.vmexit(s.vmcb, NO_AVIC, s.vmsaInUse);
    vcpu.leaveGuest();
  }

  private boolean passes(VcpuContext vcpu, SevVcpu s, long out) {
    if (out == RmpOutcome.GP) {
      // kvm_spurious_fault: the host kernel dies of it.
      sev.context().bug("VMRUN with VMCB pfn 0x" + Long.toHexString(s.vmcb) + ": #GP");
      end(vcpu, new Exit.Vendor(-1, "HOST_GP", new Fields().put("vmcb", s.vmcb << PAGE_SHIFT)));
      return false;
    }
    // Without an RMP the save area has a checksum, which only the firmware can have made.
    boolean unmeasured = sev.info().esActive && !sev.isSnp() && !s.protectedState;
    // pre_sev_run: a vCPU that was made runnable without a save area.
    boolean without = sev.info().esActive && s.vmsaInUse < 0;
    if (out == RmpOutcome.OK && !unmeasured && !without) {
      return true;
    }
    sev.platform()
        .machine()
        .trace()
        .refused(
            "VMEXIT_INVALID",
            () ->
                without
                    ? "the vCPU has no save area"
                    : unmeasured
                        ? "the firmware did not measure the save area"
                        : reasons.saveArea(s.vmsaInUse, s.vmsaGpa, sev.info().asid));
    failEntry(vcpu);
    return false;
  }

  private void failEntry(VcpuContext vcpu) {
    end(
        vcpu,
        new Exit.Vendor(
            9, "KVM_EXIT_FAIL_ENTRY", new Fields().put("hardware_entry_failure_reason", -1L)));
  }

  void end(VcpuContext vcpu, Exit exit) {
    sev.stateOf(vcpu).exit = exit;
    vcpu.setExit(exit);
  }
}
