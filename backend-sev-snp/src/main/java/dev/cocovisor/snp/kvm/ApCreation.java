package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import org.jspecify.annotations.Nullable;

/**
 * SNP AP creation: a guest gives one of its vCPUs a save area it wrote itself, or takes it away.
 *
 * <p>The request is checked when the guest makes it and carried out by the other vCPU before its
 * next entry; what the page is in the RMP nobody asks before VMRUN does. KVM keeps the save area it
 * allocated: only VMRUN goes over to the guest's. Source: {@code arch/x86/kvm/svm/sev.c},
 * sev_snp_ap_creation, sev_snp_init_protected_guest_state, sev_es_are_required_ghcb_fields_valid;
 * {@code cpuid.h}, page_address_valid (7.3).
 */
final class ApCreation {
  /** Create, but only when the vCPU gets an INIT. */
  static final int CREATE_ON_INIT = 0;

  static final int CREATE = 1;
  static final int DESTROY = 2;

  private static final long PMD_MASK = 0x1FFFFF;

  private final SevVm sev;
  private final VmContext vm;
  private final SaveAreas areas;

  ApCreation(SevVm sev, SaveAreas areas) {
    this.sev = sev;
    this.areas = areas;
    this.vm = sev.context();
  }

  /** Carries out {@code guest_ap_creation(vcpu, {request, apic_id, rax, vmsa})}. */
  RunResult request(SevVcpu caller, Fields f) {
    if (f.number("request") != DESTROY && !f.has("rax")) {
      return Vmgexit.malformed(
          sev, Vmgexit.MISSING_INPUT, "RAX, the features of the save area, is not given");
    }
    return request(
        caller,
        f,
        f.number("apic_id") << 32 | (f.number("request") & 0xffff_ffffL),
        f.number("vmsa", 0));
  }

  /** As {@link #request(SevVcpu, Fields)}, the request as SW_EXITINFO1 and SW_EXITINFO2 hold it. */
  RunResult request(SevVcpu caller, Fields f, long info1, long gpa) {
    int request = (int) info1;
    SevVcpu target = target(info1 >>> 32);
    if (target == null) {
      return invalid("there is no vCPU with this APIC id");
    }
    target.vmsaLock.lock();
    try {
      if (request == CREATE || request == CREATE_ON_INIT) {
        if (f.number("rax") != sev.info().vmsaFeatures) {
          return invalid("the features are not the VM's");
        }
        if (!addressValid(caller, gpa)) {
          return invalid("the address is no page of the caller's, or aligned to 2 MiB");
        }
        target.nextVmsaGpa = gpa;
      } else if (request == DESTROY) {
        target.nextVmsaGpa = SevVcpu.NONE;
      } else {
        return invalid("there is no such request");
      }
      target.waitingForReset = true;
      if (request != CREATE_ON_INIT) {
        target.resetRequested = true;
      }
    } finally {
      target.vmsaLock.unlock();
    }
    vm.kickVcpus();
    return Vmgexit.answer(0, 0);
  }

  /**
   * A page within the address width of the vCPU that asks, and no 2 MiB aligned one: a large RMP
   * entry that collides with a running VMSA there makes the processor report faults that are none.
   */
  private static boolean addressValid(SevVcpu caller, long gpa) {
    return (gpa & 0xFFF) == 0 && gpa >>> caller.addressBits == 0 && (gpa & PMD_MASK) != 0;
  }

  private @Nullable SevVcpu target(long apicId) {
    for (VcpuContext v : vm.vcpus()) {
      if (v.id() == apicId) {
        return sev.stateOf(v);
      }
    }
    return null;
  }

  private RunResult invalid(String why) {
    return Vmgexit.malformed(sev, Vmgexit.INVALID_INPUT, why);
  }

  /** Carries out {@code guest_init_sipi(vcpu, {apic_id})}: INIT and SIPI to another vCPU. */
  RunResult initSipi(Fields f) {
    SevVcpu target = target(f.number("apic_id"));
    if (target != null) {
      target.vmsaLock.lock();
      target.resetRequested = true;
      target.resetHold = false;
      target.vmsaLock.unlock();
      vm.kickVcpus();
    }
    // Nobody tells the sender whether somebody listens.
    return RunResult.ok(new Exit.Hlt(-1));
  }

  /** Before each run: carries out what was asked, and says whether there is anything to run. */
  Errno beforeRun(VcpuContext vcpu) {
    if (sev.info().needInit) {
      return sev.refuse(Errno.EINVAL, "the VM still waits for KVM_SEV_INIT2");
    }
    SevVcpu s = sev.stateOf(vcpu);
    s.vmsaLock.lock();
    try {
      if (s.resetRequested) {
        s.resetRequested = false;
        reset(s);
      }
    } finally {
      s.vmsaLock.unlock();
    }
    if (s.halted || s.resetHold) {
      // It would sleep until a signal comes.
      vcpu.setExit(new Exit.Interrupted());
      return sev.refuse(
          Errno.EINTR,
          s.halted ? "the guest destroyed the vCPU" : "the guest parked the vCPU until its SIPI");
    }
    return Errno.OK;
  }

  /** sev_snp_init_protected_guest_state. */
  private void reset(SevVcpu s) {
    if (!s.waitingForReset) {
      return;
    }
    s.waitingForReset = false;
    long gpa = s.nextVmsaGpa;
    s.nextVmsaGpa = SevVcpu.NONE;
    areas.reload(s, gpa);
    // A creation makes it runnable even without a page, so that KVM_RUN fails instead of sleeping.
    s.halted = gpa < 0;
  }
}
