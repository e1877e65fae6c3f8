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
import dev.cocovisor.tdx.module.TdxModule;
import dev.cocovisor.tdx.module.abi.AccessKind;
import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.call.TdCall;
import org.jspecify.annotations.Nullable;

/**
 * Runs a TD's vCPU: VP.ENTER, one thing the guest does, TD exit, and what KVM makes of it.
 *
 * <p>A TD exit that KVM has no handler for ends the run with KVM_EXIT_INTERNAL_ERROR; only an
 * access to a page the guest has not accepted kills the VM. KVM goes on for as long as nobody sends
 * a signal; here a guest that makes no progress ends its run with EINTR as a signal would. Source:
 * Linux 7.3, {@code arch/x86/kvm/vmx/tdx.c}, __tdx_handle_exit.
 */
final class GuestRun {
  /** Fruitless tries that a run may have; a violation weighs as many as a busy lock does often. */
  private static final int PATIENCE = 1 << 14;

  private static final int VIOLATION_WEIGHT = PATIENCE / 64;

  private final TdxVm td;
  private final VcpuEntry entry;
  private final EptViolation violation;
  private final Tdvmcall vmcall;
  private final TdExits exits;

  GuestRun(TdxVm td) {
    this.td = td;
    entry = new VcpuEntry(td);
    violation = new EptViolation(td);
    vmcall = new Tdvmcall(td, entry);
    exits = new TdExits(td, entry);
  }

  private TdxModule module() {
    return td.platform().module();
  }

  // Plain accesses.

  /** {@link MappingOps#guestWalk} of a private address. */
  long walk(VcpuContext vcpu, long gpa, Access access) {
    TdxVcpu v = TdxVm.vcpu(vcpu);
    v.hintLevel = null;
    v.extendedQualification = 0;
    long s = entry.enter(v);
    if (s == VcpuEntry.ENTERED) {
      entry.at(v, gpa << 2 | way(access));
      GuestOutcome outcome = module().access(v.lp, gpa, kind(access));
      if (outcome == GuestOutcome.DONE) {
        entry.leave(v, true);
        v.fruitless = 0;
        return module().translated(v.lp);
      }
      if (outcome == GuestOutcome.EXCEPTION) {
        entry.leave(v, true);
        vcpu.setExit(virtualizationException(v));
        return MappingOps.WALK_EXIT;
      }
      s = left(v);
    }
    if (!handled(s)) {
      vcpu.setExit(exits.unexpected(s));
      return MappingOps.WALK_EXIT;
    }
    Errno r = exited(vcpu, v, s);
    return r.ok() ? MappingOps.WALK_RETRY : MappingOps.walkFailed(r);
  }

  /** Tells accesses apart in two bits. */
  private static long way(Access access) {
    return switch (access) {
      case READ -> 0;
      case WRITE -> 1;
      case FETCH -> 2;
    };
  }

  private static AccessKind kind(Access access) {
    return switch (access) {
      case READ -> AccessKind.READ;
      case WRITE -> AccessKind.WRITE;
      case FETCH -> AccessKind.FETCH;
    };
  }

  /** Returns why a vCPU left the guest by itself, and keeps what an EPT violation says. */
  private long left(TdxVcpu v) {
    entry.outside(v);
    Registers e = module().exitRegisters(v.lp);
    if (e.rax == VcpuEntry.EPT_VIOLATION) {
      v.extendedQualification = e.rdx;
      v.violation = e.r8;
    }
    return e.rax;
  }

  /** Tells whether KVM knows what to do about an answer of VP.ENTER that is not success. */
  private static boolean handled(long status) {
    return status == VcpuEntry.EPT_VIOLATION || VcpuEntry.busy(status);
  }

  /** Handles an answer of VP.ENTER; OK to enter again, or the error the run ends with. */
  private Errno exited(VcpuContext vcpu, TdxVcpu v, long status) {
    if (VcpuEntry.busy(status)) {
      return patience(vcpu, v, 1);
    }
    Errno r = violation.handle(vcpu, v);
    return r.ok() ? patience(vcpu, v, VIOLATION_WEIGHT) : r;
  }

  /** Nothing KVM does lets the guest go on: the loop ends as by a signal. */
  private Errno patience(VcpuContext vcpu, TdxVcpu v, int weight) {
    v.fruitless += weight;
    if (v.fruitless < PATIENCE) {
      return Errno.OK;
    }
    vcpu.setExit(new Exit.Interrupted());
    return td.vm()
        .standsStill(vcpu, v.violation >>> PageLevel.PAGE_SHIFT, v.fruitless / VIOLATION_WEIGHT);
  }

  private Exit virtualizationException(TdxVcpu v) {
    var ve = module().exception(v.lp);
    return virtualizationException(ve.reason(), ve.qualification(), ve.gpa());
  }

  private static Exit virtualizationException(long reason, long qualification, long gpa) {
    return new Exit.Vendor(
        -1,
        "GUEST_VE",
        new Fields().put("reason", reason).put("qualification", qualification).put("gpa", gpa));
  }

  /**
   * A fault at a shared address. KVM cannot see the instruction, so where there is no memory it
   * makes the processor raise #VE, and the guest asks by TDVMCALL for what it wants. Source: Linux
   * 7.3, {@code arch/x86/kvm/vmx/main.c}, vt_check_emulate_instruction; tdx.c, tdx_vm_init
   * (kvm_mmu_set_mmio_spte_value), tdx_handle_ept_violation.
   */
  AccessOutcome shared(VcpuContext vcpu, long gpa, Access access) {
    long gfn = (gpa >>> PageLevel.PAGE_SHIFT) & ~td.sharedGfnMask();
    if (access == Access.FETCH) {
      td.bug("an EPT violation by a fetch from shared memory");
      return AccessOutcome.RETRY;
    }
    if (td.vm().isPrivate(gfn) || td.vm().slotOf(gfn) != null) {
      return AccessOutcome.FAULT;
    }
    vcpu.setExit(virtualizationException(VcpuEntry.EPT_VIOLATION, kind(access).bit(), gpa));
    return AccessOutcome.EXIT;
  }

  RunResult hypercall(VcpuContext vcpu, long nr, long[] args) {
    return vmcall.hypercall(TdxVm.vcpu(vcpu), nr, args);
  }

  // Actions only TDX knows.

  @Nullable RunResult action(VcpuContext vcpu, GuestAction.Vendor action) {
    return switch (action.name()) {
      case "tdcall" -> tdcall(vcpu, action.fields());
      case "tdvmcall" -> vmcall(vcpu, action.fields());
      case "tdexit" -> exit(vcpu, action.fields());
      default -> null;
    };
  }

  private RunResult tdcall(VcpuContext vcpu, Fields f) {
    String name = f.text("leaf", "");
    TdCall leaf = TdCall.named(name);
    if (leaf == null || leaf == TdCall.VP_VMCALL) {
      throw new IllegalArgumentException("leaf '" + name + "': TDG.MEM.PAGE.ACCEPT, ATTR.RD or WR");
    }
    TdxVcpu v = TdxVm.vcpu(vcpu);
    return entered(vcpu, v, f.number("gpa") << 2 | 3, () -> insideTdcall(v, leaf, f));
  }

  /** One TDCALL of a vCPU that is inside; null if it left without completing. */
  private @Nullable RunResult insideTdcall(TdxVcpu v, TdCall leaf, Fields f) {
    Registers r = v.registers;
    r.clear();
    r.rax = leaf.leaf();
    r.rcx = f.number("gpa") | f.number("level", 0);
    r.rdx = f.number("attributes", 0);
    r.r8 = f.number("mask", 0);
    GuestOutcome outcome = module().tdcall(v.lp, r);
    td.seam().guest(leaf, f, outcome, r.rax);
    if (outcome == GuestOutcome.DONE) {
      entry.leave(v, true);
      return RunResult.ok(new Exit.Hlt(r.rax));
    }
    if (outcome == GuestOutcome.INTERRUPTED) {
      entry.leave(v, false);
    }
    return null;
  }

  private RunResult vmcall(VcpuContext vcpu, Fields f) {
    TdxVcpu v = TdxVm.vcpu(vcpu);
    return entered(vcpu, v, VcpuEntry.NO_INSTRUCTION, () -> vmcall.inside(v, f));
  }

  private RunResult exit(VcpuContext vcpu, Fields f) {
    TdxVcpu v = TdxVm.vcpu(vcpu);
    return entered(vcpu, v, VcpuEntry.NO_INSTRUCTION, () -> exits.inside(v, f));
  }

  /** What a guest does once it is inside. */
  private interface Inside {
    @Nullable RunResult run();
  }

  /** Enters, lets the guest act and handles its exit, until it has acted or the run ends. */
  private RunResult entered(VcpuContext vcpu, TdxVcpu v, long instruction, Inside action) {
    for (long tries = 1; ; tries++) {
      RunResult r = enteredOnce(vcpu, v, instruction, action);
      if (r != null) {
        return r;
      }
      Errno again = vcpu.goRound(v.violation >>> PageLevel.PAGE_SHIFT, tries);
      if (!again.ok()) {
        return RunResult.of(again, vcpu.exit());
      }
    }
  }

  private @Nullable RunResult enteredOnce(
      VcpuContext vcpu, TdxVcpu v, long instruction, Inside action) {
    long s = entry.enter(v);
    if (s == VcpuEntry.ENTERED) {
      entry.at(v, instruction);
      RunResult r = action.run();
      if (r != null) {
        return r;
      }
      if (!v.inGuestMode) {
        // Interrupted: what was done is kept, and the instruction is repeated.
        Errno e = patience(vcpu, v, 1);
        return e.ok() ? null : new RunResult(e, new Exit.Interrupted());
      }
      s = left(v);
    }
    if (!handled(s)) {
      return RunResult.ok(exits.unexpected(s));
    }
    Errno r = exited(vcpu, v, s);
    return r.ok() ? null : RunResult.of(r, vcpu.exit());
  }

  /** Userspace answered an exit of a TDVMCALL. */
  @Nullable RunResult resume(VcpuContext vcpu, long ret) {
    return vmcall.resume(TdxVm.vcpu(vcpu), ret);
  }
}
