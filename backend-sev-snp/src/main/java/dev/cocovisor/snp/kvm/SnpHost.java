package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.snp.psp.SnpFirmware;
import dev.cocovisor.snp.rmp.CpuMode;
import dev.cocovisor.snp.rmp.HostInstructions;
import dev.cocovisor.snp.rmp.Operands;
import dev.cocovisor.snp.rmp.Rmp;
import dev.cocovisor.snp.rmp.RmpCode;
import dev.cocovisor.snp.rmp.RmpInstruction;
import dev.cocovisor.snp.rmp.RmpOutcome;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The host kernel's own SNP support: changing page owners, the direct map, and pages that leak.
 *
 * <p>{@link #rmpupdate} retries as long as the instruction reports an overlap, which Linux takes
 * for a passing collision. An overlap that stays would hang the kernel; here a number of fruitless
 * attempts is reported as a livelock, the VM is marked dead and the call fails. Source: {@code
 * arch/x86/virt/svm/sev.c}, rmpupdate, psmash, adjust_direct_map, __snp_leak_pages.
 */
public final class SnpHost {
  private final HostMachine machine;
  private final Rmp rmp;
  private final SnpFirmware firmware;
  private final HostInstructions cpu;
  private final long overlapRetries;
  private final AtomicLong leaked = new AtomicLong();
  private final AtomicLong livelocks = new AtomicLong();
  private final Interposer interposer;

  SnpHost(
      HostMachine machine,
      Rmp rmp,
      SnpFirmware firmware,
      long overlapRetries,
      Interposer interposer) {
    this.interposer = interposer;
    this.machine = machine;
    this.rmp = rmp;
    this.firmware = firmware;
    this.cpu = new HostInstructions(rmp, cipher(machine), machine.trace());
    this.overlapRetries = overlapRetries;
  }

  /** Returns how many pages were leaked since boot (snp_nr_leaked_pages). */
  public long leakedPages() {
    return leaked.get();
  }

  /** Returns how often RMPUPDATE was found not to come to an end. */
  public long livelocks() {
    return livelocks.get();
  }

  /** Returns the table. */
  public Rmp rmp() {
    return rmp;
  }

  HostMemory memory() {
    return machine.memory();
  }

  /**
   * Changes an entry.
   *
   * @return OK, or EFAULT
   */
  private Errno rmpupdate(VmContext vm, long pfn, long gpa, int flags, int asid) {
    boolean huge = (flags & HostInstructions.SIZE_2M) != 0;
    RmpInstruction row =
        (flags & HostInstructions.ASSIGN) != 0
            ? RmpInstruction.RMPUPDATE_ASSIGN
            : RmpInstruction.RMPUPDATE_CLEAR;
    if (!rmp.enabled()) {
      return Errno.ENODEV;
    }
    // A 4 KiB entry under a larger kernel mapping would make the kernel's own writes fault.
    if (!huge && !machine.memory().directMap().isSplit(pfn)) {
      machine.memory().directMap().split(pfn, 1);
    }
    for (long attempt = 0; ; attempt++) {
      long out = execute(row, pfn << PAGE_SHIFT, gpa, flags, asid);
      if (out == RmpCode.FAIL_OVERLAP) {
        if (attempt >= overlapRetries) {
          livelocks.incrementAndGet();
          vm.bug("RMPUPDATE of pfn 0x" + Long.toHexString(pfn) + " overlaps for ever: livelock");
          return Errno.EFAULT;
        }
        continue;
      }
      return out == RmpCode.OK ? Errno.OK : Errno.EFAULT;
    }
  }

  /** Executes an instruction, and tells of it; the interposer may answer instead. */
  private long execute(RmpInstruction row, long a0, long a1, long a2, long a3) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, rmp);
    TraceSink trace = machine.trace();
    if (!trace.enabled()) {
      return carryOut(row, a0, a1, a2, a3);
    }
    trace.begin();
    long out = RmpCode.OK;
    try {
      out = carryOut(row, a0, a1, a2, a3);
      return out;
    } finally {
      trace.end(
          new TraceEvent(
              TraceEvent.Kind.FIRMWARE,
              row.callName(),
              Operands.render(row.operands(), a0, a1, a2, a3),
              RmpOutcome.describe(out)));
    }
  }

  private long carryOut(RmpInstruction row, long a0, long a1, long a2, long a3) {
    long instead = interposer.before(row, a0, a1, a2, a3);
    if (instead != Interposer.PROCEED) {
      machine.trace().refused(RmpOutcome.describe(instead), () -> "planned by the run");
      return instead;
    }
    return row == RmpInstruction.PSMASH
        ? cpu.psmash(CpuMode.HOST, a0)
        : cpu.rmpupdate(CpuMode.HOST, a0, a1, (int) a2, (int) a3);
  }

  /** Gives a page to a guest, or with ASID 0 to the firmware (rmp_make_private). */
  Errno makePrivate(VmContext vm, long pfn, long gpa, boolean huge, int asid, boolean immutable) {
    return rmpupdate(
        vm,
        pfn,
        gpa,
        HostInstructions.ASSIGN
            | (huge ? HostInstructions.SIZE_2M : 0)
            | (immutable ? HostInstructions.IMMUTABLE : 0),
        asid);
  }

  private static GuestCiphertext cipher(HostMachine machine) {
    return new GuestCiphertext(
        machine.memory(), machine.kernel().on(SevKernelRules.CONVERTED_PAGES));
  }

  /** Takes a page back (rmp_make_shared). */
  Errno makeShared(VmContext vm, long pfn, boolean huge) {
    return rmpupdate(vm, pfn, 0, huge ? HostInstructions.SIZE_2M : 0, 0);
  }

  /** Takes a page back; a failure marks the VM dead and leaks it (kvm_rmp_make_shared). */
  Errno makeSharedOrLeak(VmContext vm, long pfn, boolean huge) {
    if (makeShared(vm, pfn, huge).ok()) {
      return Errno.OK;
    }
    vm.bug("cannot make pfn 0x" + Long.toHexString(pfn) + " shared");
    leak(vm, pfn, huge ? 512 : 1, "rmp_make_shared failed");
    return Errno.EIO;
  }

  /**
   * Gets a page back from the firmware and makes it shared; a failure marks the VM dead and leaks
   * the page (snp_page_reclaim).
   */
  Errno reclaim(VmContext vm, long pfn) {
    if (!firmware.pages().reclaim(pfn << PAGE_SHIFT, false).ok()) {
      vm.bug("cannot reclaim pfn 0x" + Long.toHexString(pfn));
      leak(vm, pfn, 1, "SNP_PAGE_RECLAIM failed");
      return Errno.EIO;
    }
    return makeSharedOrLeak(vm, pfn, false).ok() ? Errno.OK : Errno.EIO;
  }

  /** Breaks the 2 MiB entry around a page; retries while it is in use (snp_rmptable_psmash). */
  long psmash(VmContext vm, long pfn) {
    long head = pfn & ~511L;
    for (long attempt = 0; ; attempt++) {
      long out = execute(RmpInstruction.PSMASH, head << PAGE_SHIFT, 0, 0, 0);
      if (out != RmpCode.FAIL_INUSE) {
        return out;
      }
      if (attempt >= overlapRetries) {
        livelocks.incrementAndGet();
        vm.bug("PSMASH of pfn 0x" + Long.toHexString(head) + " is in use for ever: livelock");
        return out;
      }
    }
  }

  void leak(VmContext vm, long pfn, long count, String why) {
    leaked.addAndGet(count);
    vm.leak(pfn, count, why);
  }

  /**
   * Takes a zeroed frame that is no head of 2 MiB, or NO_FRAME: a large page that collides with the
   * RMP entry of a VMCB or VMSA there makes the processor report RMP faults that are none
   * (snp_safe_alloc_page_node).
   */
  long allocateSafe() {
    HostMemory memory = machine.memory();
    long pfn = memory.allocate(0);
    if (pfn != HostMemory.NO_FRAME && PageLevel.PG_2M.aligned(pfn)) {
      long other = memory.allocate(0);
      memory.free(pfn, 0);
      pfn = other;
    }
    if (pfn != HostMemory.NO_FRAME) {
      memory.raw().zero(pfn, 1);
    }
    return pfn;
  }

  /** Takes a frame and hands it to the firmware; -1 if there is none or that fails. */
  long allocateFirmwarePage(VmContext vm) {
    long pfn = machine.memory().allocate(0);
    if (pfn == HostMemory.NO_FRAME) {
      return -1;
    }
    machine.memory().raw().zero(pfn, 1);
    if (makePrivate(vm, pfn, 0, false, 0, true).ok()) {
      return pfn;
    }
    machine.memory().free(pfn, 0);
    return -1;
  }

  /** Gets a firmware page back and frees it; leaks it where that fails. */
  void freeFirmwarePage(VmContext vm, long pfn) {
    if (!firmware.pages().reclaim(pfn << PAGE_SHIFT, false).ok()
        || !makeShared(vm, pfn, false).ok()) {
      leak(vm, pfn, 1, "firmware page not reclaimed");
      return;
    }
    machine.memory().free(pfn, 0);
  }
}
