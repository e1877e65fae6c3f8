package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.snp.rmp.CpuMode;
import dev.cocovisor.snp.rmp.Rmp;
import dev.cocovisor.snp.rmp.RmpAccess;
import dev.cocovisor.snp.rmp.RmpOutcome;
import dev.cocovisor.snp.rmp.RmpReasons;

/**
 * What becomes of an SNP guest's access that the RMP refuses.
 *
 * <p>KVM answers a size mismatch with PSMASH and a zap, and takes everything else for spurious: a
 * guest whose fault nothing mends faults for ever. Here {@link #PATIENCE} fruitless faults in a row
 * end the run with {@code RMP_FAULT_LOOP}. A page that is not validated is the guest's own affair
 * (#VC, exit code 0x404), reported as {@code GUEST_VC}. Source: {@code arch/x86/kvm/svm/sev.c},
 * sev_handle_rmp_fault; {@code svm.c}, npf_interception.
 */
final class SnpFaults {
  /** How many faults on one address may lead nowhere before the run ends. */
  static final int PATIENCE = 16;

  /** The error code of a #VC that a nested page fault of a reserved bit became. */
  private static final long VC_NPF = 0x400;

  private final SevVm sev;
  private final VmContext vm;
  private final RmpAccess access;
  private final VmEntry entry;
  private final Rmp rmp;
  private final RmpReasons reasons;
  private final RmpFaultRace race;

  SnpFaults(SevVm sev, VmEntry entry) {
    this.sev = sev;
    this.vm = sev.context();
    this.entry = entry;
    this.access = sev.platform().access();
    this.rmp = sev.platform().rmp();
    this.reasons = new RmpReasons(rmp);
    this.race = sev.platform().machine().kernel().on(SevKernelRules.RMP_FAULT_RACE);
  }

  AccessOutcome check(
      VcpuContext vcpu, long gpa, long pfn, PageLevel level, Access what, boolean isPrivate) {
    if (!entry.check(vcpu)) {
      return AccessOutcome.EXIT;
    }
    if (!sev.isSnp()) {
      return AccessOutcome.ALLOW;
    }
    SevVcpu state = sev.stateOf(vcpu);
    long out =
        access.snpGuest(
            entry.mode(state),
            gpa,
            pfn,
            level != PageLevel.PG_4K,
            switch (what) {
              case READ -> RmpAccess.Kind.READ;
              case WRITE -> RmpAccess.Kind.WRITE;
              case FETCH -> RmpAccess.Kind.FETCH;
            },
            isPrivate);
    if (out == RmpOutcome.OK) {
      state.fruitless = 0;
      return AccessOutcome.ALLOW;
    }
    explain(entry.mode(state), gpa, pfn, level != PageLevel.PG_4K, out);
    if (RmpOutcome.isNestedFault(out) && isPrivate != vm.isPrivate(gpa >>> PAGE_SHIFT)) {
      // kvm_mmu_page_fault comes first, and what it sees is a conversion.
      return AccessOutcome.FAULT;
    }
    return handle(vcpu, gpa, out);
  }

  /** Tells why an access or instruction of the guest ended otherwise than it wanted. */
  void explain(CpuMode cpu, long gpa, long pfn, boolean nested2m, long out) {
    TraceSink trace = sev.platform().machine().trace();
    if (trace.enabled()) {
      trace.refused(RmpOutcome.describe(out), () -> reasons.access(cpu, gpa, pfn, nested2m, out));
    }
  }

  /**
   * An address without memory: KVM sees no registers to emulate with, so it only marks the entry;
   * the reserved bit there is the guest's own #VC, which reaches the device through its GHCB.
   *
   * @return false, the exit is set
   */
  boolean leftToGuest(VcpuContext vcpu) {
    entry.end(vcpu, new Exit.Vendor(-1, "GUEST_VC", new Fields().put("exit_code", VC_NPF)));
    return false;
  }

  /** Deals with a fault that the RMP caused: RETRY, or EXIT with the exit set. */
  AccessOutcome handle(VcpuContext vcpu, long gpa, long out) {
    SevVcpu state = sev.stateOf(vcpu);
    if (RmpOutcome.isVc(out)) {
      entry.end(
          vcpu,
          new Exit.Vendor(
              -1,
              "GUEST_VC",
              new Fields().put("exit_code", RmpOutcome.VC_PAGE_NOT_VALIDATED).put("cr2", gpa)));
      return AccessOutcome.EXIT;
    }
    if (state.faultGpa != gpa) {
      state.faultGpa = gpa;
      state.fruitless = 0;
    }
    if (rmpFault(gpa)) {
      state.fruitless = 0;
      return AccessOutcome.RETRY;
    }
    if (++state.fruitless < PATIENCE) {
      return AccessOutcome.RETRY;
    }
    state.fruitless = 0;
    entry.end(
        vcpu,
        new Exit.Vendor(
            -1,
            "RMP_FAULT_LOOP",
            new Fields().put("gpa", gpa).put("error_code", RmpOutcome.errorCode(out))));
    return AccessOutcome.EXIT;
  }

  /** sev_handle_rmp_fault; true if the RMP changed. */
  private boolean rmpFault(long gpa) {
    long gfn = gpa >>> PAGE_SHIFT;
    SlotView slot = vm.slotOf(gfn);
    if (!vm.isPrivate(gfn) || slot == null || !slot.hasGuestMemfd()) {
      return false;
    }
    long sequence = vm.invalidations();
    long pfn = vm.gmemPfn(gfn, false);
    if (pfn < 0) {
      return false;
    }
    if (!race.holdsPage()) {
      return split(gfn, pfn, sequence);
    }
    HostMemory memory = sev.platform().machine().memory();
    memory.get(pfn);
    try {
      return split(gfn, pfn, sequence);
    } finally {
      memory.put(pfn);
    }
  }

  private boolean split(long gfn, long pfn, long sequence) {
    if (!rmp.assigned(pfn)) {
      warnUnassigned(gfn, pfn, sequence);
      return false;
    }
    if (!rmp.huge(pfn)) {
      return false;
    }
    long code = sev.platform().host().psmash(vm, pfn);
    if (code != RmpOutcome.OK) {
      boolean assigned = rmp.assigned(pfn);
      boolean huge = rmp.huge(pfn);
      sev.platform().faultSteps().notSmashed(vm, pfn, assigned && huge);
      if (race.settled(assigned, huge)) {
        return true; // Another processor was quicker.
      }
      if (assigned) {
        remark(gfn, pfn, "its RMP entry is not split");
      } else {
        warnUnassigned(gfn, pfn, sequence);
      }
    }
    vm.mmuLock().lock();
    try {
      // From gfn on, not from the start of the huge page: what lies before it keeps its mapping.
      vm.zapRange(gfn, gfn + 512);
    } finally {
      vm.mmuLock().unlock();
    }
    return code == RmpOutcome.OK || !rmp.assigned(pfn);
  }

  private void warnUnassigned(long gfn, long pfn, long sequence) {
    if (race.warnsUnassigned(invalidated(sequence, gfn), vm.gmemPfn(gfn, false) == pfn)) {
      remark(gfn, pfn, "its RMP entry is not assigned");
    }
  }

  private boolean invalidated(long sequence, long gfn) {
    vm.mmuLock().lockShared();
    try {
      return vm.invalidatedSince(sequence, gfn);
    } finally {
      vm.mmuLock().unlockShared();
    }
  }

  private void remark(long gfn, long pfn, String what) {
    String page = "gfn 0x" + Long.toHexString(gfn) + ", pfn 0x" + Long.toHexString(pfn);
    sev.platform().machine().remark("sev_handle_rmp_fault", page + ": " + what);
  }
}
