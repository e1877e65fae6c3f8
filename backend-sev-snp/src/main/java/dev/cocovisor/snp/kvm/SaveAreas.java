package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;

/**
 * The save areas that an SNP guest brought for its vCPUs: pages of its guest_memfd that the
 * processor uses by their frames.
 *
 * <p>A page that goes takes its vCPU out of the guest first: RMPUPDATE refuses a page in use, and
 * it would be freed as the guest's. Where a vCPU has one is set under mmu_lock only, so that an
 * invalidation, which holds it, misses none; a vCPU that looked for its page meanwhile looks again.
 * Source: {@code arch/x86/kvm/svm/sev.c}, sev_gmem_invalidate_range, sev_snp_reload_vmsa,
 * __sev_snp_reload_vmsa (7.3).
 */
final class SaveAreas {
  private final SevVm sev;
  private final VmContext vm;
  private final SaveAreaSteps steps;

  SaveAreas(SevVm sev) {
    this.sev = sev;
    this.vm = sev.context();
    this.steps = sev.platform().saveAreaSteps();
  }

  /** What is mapped at these gfns goes; mmu_lock is held. */
  void invalidate(long gfnStart, long gfnEnd) {
    if (!sev.isSnp()) {
      return;
    }
    for (VcpuContext v : vm.vcpus()) {
      if (v.vendorState() instanceof SevVcpu s) {
        long gpa = s.guestVmsaGpa;
        if (gpa >= 0 && steps.givesUp(gpa >>> PAGE_SHIFT, gfnStart, gfnEnd)) {
          SchedulePoint.write(PointKind.REQUEST, s, 0);
          s.reloadRequested = true;
          v.kick();
        }
      }
    }
  }

  /** Before an entry: looks for the area again as long as somebody asked for it. */
  void reloadIfAsked(SevVcpu s) {
    if (s.guestVmsaGpa >= 0) {
      SchedulePoint.read(PointKind.REQUEST, s, 0);
    }
    for (long tries = 0; s.reloadRequested; tries++) {
      if (tries != 0) {
        SchedulePoint.retry(s, s.vmsaGpa >>> PAGE_SHIFT, tries);
      }
      s.vmsaLock.lock();
      try {
        s.reloadRequested = false;
        if (steps.looksAgain(s.guestVmsaGpa >>> PAGE_SHIFT)) {
          reload(s, s.guestVmsaGpa);
        }
      } finally {
        s.vmsaLock.unlock();
      }
    }
  }

  /** The vCPU goes over to an area, or to none; snp_vmsa_mutex is held. */
  void reload(SevVcpu s, long gpa) {
    s.vmsaInUse = SevVcpu.NONE;
    s.guestVmsaGpa = SevVcpu.NONE;
    long gfn = gpa >>> PAGE_SHIFT;
    SlotView slot = gpa < 0 ? null : vm.slotOf(gfn);
    if (slot == null) {
      return;
    }
    long seen = vm.invalidations();
    long pfn = vm.gmemPfn(gfn, true);
    if (pfn < 0) {
      return;
    }
    vm.mmuLock().lockShared();
    try {
      s.vmsaGpa = gpa;
      s.guestVmsaGpa = gpa;
      if (vm.invalidatedSince(seen, gfn)) {
        s.reloadRequested = true;
      } else {
        s.vmsaInUse = pfn;
      }
    } finally {
      vm.mmuLock().unlockShared();
    }
  }
}
