package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.ops.MappingOps;
import dev.cocovisor.tdx.guest.VmcallStatus;
import dev.cocovisor.tdx.module.SeamCalls;
import dev.cocovisor.tdx.module.TdxModule;
import dev.cocovisor.tdx.module.abi.AccessKind;
import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.call.TdCall;
import dev.cocovisor.tdx.module.td.Tdvps;
import org.jspecify.annotations.Nullable;

/**
 * Runs a TD's vCPU: VP.ENTER, one thing the guest does, TD exit, and what KVM makes of it.
 *
 * <p>A guest that completed its action leaves by an interrupt, so that no vCPU is inside while its
 * owner does something else. An EPT violation is handled and retried here, as KVM retries it
 * locally to keep the zero-step guard quiet; a guest that makes no progress for {@link
 * #LOCAL_RETRIES} tries ends its run as a signal would. Source: {@code arch/x86/kvm/vmx/tdx.c},
 * tdx_vcpu_run, tdx_handle_ept_violation, tdx_handle_mismatched_accept; RFC v1 patches 11, 12, 20,
 * 21.
 */
final class GuestRun {
  /** How often one action is tried before the run is given back. */
  static final int LOCAL_RETRIES = 64;

  private static final long EPT_VIOLATION = 0x30;
  private static final int EEQ_ACCEPT = 1;
  private static final int EEQ_PENDING = 6;
  private static final long ENTERED = 0;

  /** R10 to R15, what a guest passes with a TDVMCALL that has no use for the others. */
  private static final long VMCALL_REGISTERS = 0xfc00;

  private final TdxVm td;

  GuestRun(TdxVm td) {
    this.td = td;
  }

  private TdxModule module() {
    return td.platform().module();
  }

  /** Enters the guest; 0, or what ended the attempt: a status or exit reason. */
  private long enter(TdxVcpu v) {
    SeamCalls seam = v.seam;
    if (seam == null) {
      throw new IllegalStateException("a vCPU that was never initialised runs");
    }
    // While somebody wants all vCPUs outside, KVM does not even try.
    td.guestMode().lockShared();
    v.inGuestMode = true;
    long s = seam.vpEnter(v.tdvpr);
    td.seam().made(SeamCall.VP_ENTER, v.tdvpr, s);
    for (int i = 0; SeamStatus.OPERAND_BUSY.is(s) && i < LOCAL_RETRIES; i++) {
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

  /** A lock that stays busy is no error: whoever wants in tries again later. */
  private static boolean later(long status) {
    return SeamStatus.OPERAND_BUSY.is(status);
  }

  /** The vCPU is out of the guest, however it came out. */
  private void outside(TdxVcpu v) {
    if (v.inGuestMode) {
      v.inGuestMode = false;
      td.guestMode().unlockShared();
    }
  }

  private void leave(TdxVcpu v, boolean progress) {
    Tdvps inside = module().inside(v.lp);
    if (inside != null) {
      if (progress) {
        inside.advanceRip();
      }
      module().vmExit(v.lp, 1);
    }
    outside(v);
  }

  // ---- plain accesses

  /** {@link MappingOps#guestWalk} of a private address. */
  long walk(VcpuContext vcpu, long gpa, Access access) {
    TdxVcpu v = TdxVm.vcpu(vcpu);
    v.hintLevel = null;
    v.extendedQualification = 0;
    long s = enter(v);
    if (s == EPT_VIOLATION) {
      return MappingOps.WALK_FAULT;
    }
    if (s != ENTERED) {
      return later(s) ? MappingOps.WALK_RETRY : dead(s);
    }
    AccessKind kind =
        switch (access) {
          case READ -> AccessKind.READ;
          case WRITE -> AccessKind.WRITE;
          case FETCH -> AccessKind.FETCH;
        };
    GuestOutcome outcome = module().access(v.lp, gpa, kind);
    if (outcome == GuestOutcome.DONE) {
      leave(v, true);
      return module().translated(v.lp);
    }
    if (outcome == GuestOutcome.EXCEPTION) {
      leave(v, true);
      vcpu.setExit(virtualizationException(v));
      return MappingOps.WALK_EXIT;
    }
    outside(v);
    Registers e = module().exitRegisters(v.lp);
    if (e.rax != EPT_VIOLATION) {
      return dead(e.rax);
    }
    v.extendedQualification = e.rdx;
    return MappingOps.WALK_FAULT;
  }

  private Exit virtualizationException(TdxVcpu v) {
    var ve = module().exception(v.lp);
    return new Exit.Vendor(
        -1,
        "GUEST_VE",
        new Fields()
            .put("reason", ve.reason())
            .put("qualification", ve.qualification())
            .put("gpa", ve.gpa()));
  }

  /** The vCPU cannot be entered any more: the VM is dead, and walking again answers EIO. */
  private long dead(long status) {
    td.vm().bug("TDH.VP.ENTER: " + SeamStatus.describe(status));
    return MappingOps.WALK_RETRY;
  }

  /** A TD that touches what it has not accepted, and gets no #VE for it, is stopped. */
  AccessOutcome preFault(VcpuContext vcpu) {
    TdxVcpu v = TdxVm.vcpu(vcpu);
    if ((v.extendedQualification & 0xf) == EEQ_PENDING) {
      // The VM is dead from here on, so the retry answers EIO.
      td.vm().bug("guest access before accepting");
      return AccessOutcome.RETRY;
    }
    return AccessOutcome.FAULT;
  }

  // ---- TDCALLs

  @Nullable RunResult action(VcpuContext vcpu, GuestAction.Vendor action) {
    return switch (action.name()) {
      case "tdcall" -> tdcall(vcpu, action.fields());
      case "tdvmcall" -> vmcall(vcpu, action.fields());
      default -> null;
    };
  }

  private RunResult tdcall(VcpuContext vcpu, Fields f) {
    String name = f.text("leaf", "");
    TdCall leaf = TdCall.named(name);
    if (leaf == null || leaf == TdCall.VP_VMCALL) {
      throw new IllegalArgumentException("leaf '" + name + "': TDG.MEM.PAGE.ACCEPT, ATTR.RD or WR");
    }
    long gpa = f.number("gpa");
    long level = f.number("level", 0);
    for (int i = 0; i < LOCAL_RETRIES; i++) {
      RunResult r = tryTdcall(vcpu, leaf, gpa | level, f);
      if (r != null) {
        return r;
      }
    }
    // Nothing KVM does lets this instruction complete: the loop ends with a signal.
    return new RunResult(Errno.EINTR, new Exit.Unknown());
  }

  private @Nullable RunResult tryTdcall(VcpuContext vcpu, TdCall leaf, long rcx, Fields f) {
    TdxVcpu v = TdxVm.vcpu(vcpu);
    long s = enter(v);
    if (later(s)) {
      return null;
    }
    if (s == ENTERED) {
      Registers r = v.registers;
      r.clear();
      r.rax = leaf.leaf();
      r.rcx = rcx;
      r.rdx = f.number("attributes", 0);
      r.r8 = f.number("mask", 0);
      GuestOutcome outcome = module().tdcall(v.lp, r);
      if (outcome == GuestOutcome.DONE) {
        leave(v, true);
        return RunResult.ok(new Exit.Hlt(r.rax));
      }
      if (outcome == GuestOutcome.INTERRUPTED) {
        leave(v, false);
        return null;
      }
      outside(v);
      Registers e = module().exitRegisters(v.lp);
      if (e.rax != EPT_VIOLATION) {
        dead(e.rax);
        return new RunResult(Errno.EIO, new Exit.Unknown());
      }
      v.extendedQualification = e.rdx;
      v.violation = e.r8;
    } else if (s != EPT_VIOLATION) {
      dead(s);
      return new RunResult(Errno.EIO, new Exit.Unknown());
    }
    return handle(vcpu, v, v.violation);
  }

  /** Handles an EPT violation; null to let the guest try again. */
  private @Nullable RunResult handle(VcpuContext vcpu, TdxVcpu v, long gpa) {
    long gfn = gpa >>> 12;
    v.hintLevel = null;
    if ((v.extendedQualification & 0xf) == EEQ_ACCEPT) {
      int asked = (int) (v.extendedQualification >>> 32) & 7;
      PageLevel level = PageLevel.of(asked + 1);
      if (td.policy() == PagePolicy.RFC_V1) {
        v.hintGfn = gfn;
        v.hintLevel = level;
      } else if (td.policy() == PagePolicy.V3) {
        Errno split = splitForAccept(gfn, level);
        if (!split.ok()) {
          return new RunResult(split, new Exit.Unknown());
        }
      }
    }
    if (!td.vm().isPrivate(gfn)) {
      Exit exit = new Exit.MemoryFault(Exit.MemoryFault.PRIVATE, gpa, 4096);
      return new RunResult(Errno.EFAULT, exit);
    }
    v.inViolation = true;
    Errno mapped = td.vm().mapPage(vcpu, gpa, true);
    for (int i = 0; retry(mapped) && i < LOCAL_RETRIES; i++) {
      mapped = td.vm().mapPage(vcpu, gpa, true);
    }
    v.inViolation = false;
    if (mapped.ok() || retry(mapped)) {
      return null;
    }
    if (mapped == Errno.EFAULT) {
      return new RunResult(mapped, new Exit.MemoryFault(Exit.MemoryFault.PRIVATE, gpa, 4096));
    }
    return new RunResult(mapped, new Exit.Unknown());
  }

  private static boolean retry(Errno e) {
    return e == Errno.EBUSY || e == Errno.EAGAIN;
  }

  /** v3: what is mapped larger than the guest accepts is split, and stays small. */
  private Errno splitForAccept(long gfn, PageLevel level) {
    if (level != PageLevel.PG_4K || td.inhibited().contains(gfn)) {
      return Errno.OK;
    }
    td.vm().mmuLock().lock();
    try {
      Errno e = td.vm().splitTo(gfn, level);
      if (e.ok()) {
        td.inhibited().add(gfn);
      }
      return e;
    } finally {
      td.vm().mmuLock().unlock();
    }
  }

  // ---- TDVMCALL

  private RunResult vmcall(VcpuContext vcpu, Fields f) {
    TdxVcpu v = TdxVm.vcpu(vcpu);
    for (int i = 0; i < LOCAL_RETRIES; i++) {
      long s = enter(v);
      if (s == ENTERED) {
        return vmcallInside(v, f);
      }
      // The zero-step guard can still hold an address the guest faulted on before.
      RunResult r = s == EPT_VIOLATION ? handle(vcpu, v, v.violation) : null;
      if (r != null) {
        return r;
      }
      if (s != EPT_VIOLATION && !later(s)) {
        dead(s);
        return new RunResult(Errno.EIO, new Exit.Unknown());
      }
    }
    return new RunResult(Errno.EINTR, new Exit.Unknown());
  }

  private RunResult vmcallInside(TdxVcpu v, Fields f) {
    Registers r = v.registers;
    r.clear();
    r.rax = TdCall.VP_VMCALL.leaf();
    r.rcx = f.number("mask", VMCALL_REGISTERS);
    r.r11 = MapGpa.function(f);
    r.r12 = f.number("gpa", 0);
    r.r13 = f.number("size", 0);
    if (module().tdcall(v.lp, r) == GuestOutcome.DONE) {
      // The module refused to pass these registers; the host never hears of the call.
      leave(v, true);
      return RunResult.ok(new Exit.Hlt(r.rax));
    }
    outside(v);
    advance(v);
    MapGpa call = MapGpa.of(module().exitRegisters(v.lp), td.sharedGfnMask() << 12);
    if (call == null || (td.vm().exitHypercalls() >>> MapGpa.HC_MAP_GPA_RANGE & 1) == 0) {
      return RunResult.ok(new Exit.Hlt(VmcallStatus.SUBFUNC_UNSUPPORTED));
    }
    v.mapGpa = call;
    return call.next();
  }

  private void advance(TdxVcpu v) {
    Tdvps vp = module().vcpu(v.tdvpr);
    if (vp != null) {
      vp.advanceRip();
    }
  }

  /** Userspace answered a chunk of MapGPA. */
  @Nullable RunResult resume(VcpuContext vcpu, long ret) {
    TdxVcpu v = TdxVm.vcpu(vcpu);
    MapGpa call = v.mapGpa;
    if (call == null) {
      return null;
    }
    RunResult r = call.answered(ret);
    if (!(r.exit() instanceof Exit.Hypercall)) {
      v.mapGpa = null;
    }
    return r;
  }
}
