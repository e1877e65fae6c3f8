package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.ops.MappingOps;
import dev.cocovisor.pkvm.guest.Hvc;
import dev.cocovisor.pkvm.hyp.HvcOutcome;
import dev.cocovisor.pkvm.hyp.Hyp;
import dev.cocovisor.pkvm.hyp.Hypercall;
import dev.cocovisor.pkvm.kvm.GuestProgress.At;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * KVM_RUN under pKVM: what is checked before the guest is entered, its first instruction, and the
 * hypercalls by which it leaves.
 *
 * <p>A guest without progress, because nothing maps its code or it is switched off, runs until a
 * signal ends the run: EINTR. Sources: {@code arch/arm64/kvm/arm.c}, kvm_arch_vcpu_run_pid_change,
 * kvm_arch_vcpu_ioctl_run; {@code arch/arm64/kvm/mmu.c}, kvm_handle_guest_abort, io_mem_abort.
 */
final class GuestRuns {
  /** Data abort from the same level, synchronous external abort: KVM's answer to a lost store. */
  static final long ESR_EXTERNAL_ABORT = 0x9600_0010L;

  /** The same for a fetch. */
  static final long ESR_FETCH_EXTERNAL_ABORT = 0x8600_0010L;

  /**
   * Address size fault at level 0. The processor raises it itself, to the guest, as the guest's
   * stage 1 is off and the address is beyond the physical ones.
   */
  private static final long ESR_DATA_ADDRESS_SIZE = 0x9600_0000L;

  private static final long ESR_FETCH_ADDRESS_SIZE = 0x8600_0000L;
  private static final long ESR_WRITE = 1 << 6;

  /** How often a guest that makes no progress is entered before a signal ends its run. */
  private static final int PATIENCE = 1_000;

  private final PkvmPlatform platform;
  private final Hyp hyp;
  private final VmContext vm;
  private final boolean isProtected;
  private final HypVmLife life;
  private final HostSmccc smccc;
  private final long codePage;

  GuestRuns(
      PkvmPlatform platform,
      VmContext vm,
      boolean isProtected,
      HypVmLife life,
      VcpuInit features,
      VmFlags flags) {
    this.platform = platform;
    this.hyp = platform.hyp();
    this.vm = vm;
    this.isProtected = isProtected;
    this.life = life;
    this.codePage = platform.host().number(PkvmBackend.CODE_PAGE);
    this.smccc = new HostSmccc(new Psci(vm, features, flags));
  }

  /** What comes before the guest's own action. */
  Errno begin(VcpuContext vcpu, PkvmVcpu v) {
    if (!v.initialised) {
      return refuse(Errno.ENOEXEC, "the vCPU was not initialised (KVM_ARM_VCPU_INIT)");
    }
    v.progress.begin(vcpu);
    Errno e = life.ensureCreated(v);
    if (e.ok()) {
      v.ranOnce = true;
      e = life.ensureLoaded(v);
    }
    if (e.ok() && v.stopped) {
      return interrupted(vcpu, "the vCPU is switched off");
    }
    if (e.ok()) {
      e = enter(vcpu, v);
    }
    return e.ok() ? fetch(vcpu, v) : e;
  }

  /**
   * Enters the guest. A negative number has the bit set by which EL2 tells of a pending SError, so
   * KVM takes a refusal for one and enters again, until a signal ends the run.
   *
   * <p>Source: {@code asm/kvm_asm.h}, ARM_SERROR_PENDING; {@code arch/arm64/kvm/handle_exit.c},
   * handle_exit.
   */
  private Errno enter(VcpuContext vcpu, PkvmVcpu v) {
    for (int i = 0; i < PATIENCE; i++) {
      if (platform.call(v.cpu, Hypercall.VCPU_RUN, v.host.pfn(), 0, 0, 0) >= 0) {
        return Errno.OK;
      }
    }
    return interrupted(vcpu, "EL2 does not run the guest");
  }

  /**
   * The guest fetches its next instruction: the first fault is that of its code page, or of where a
   * vCPU starts that was told nothing yet.
   */
  private Errno fetch(VcpuContext vcpu, PkvmVcpu v) {
    if (codePage < 0) {
      return Errno.OK;
    }
    GuestProgress p = v.progress;
    long page = p.at() == At.START ? p.start() & -PageLevel.PAGE_SIZE : codePage;
    if (hyp.guestWalk(v.cpu, page, false, true) < 0) {
      if (vm.slotOf(page >>> PageLevel.PAGE_SHIFT) == null) {
        // An abort that the guest cannot take: its vectors lie in the same page.
        p.aborted();
        return interrupted(vcpu, "the guest's code is in no slot");
      }
      Errno e = vm.mapPage(vcpu, page, isProtected);
      if (!e.ok()) {
        return e;
      }
    }
    p.fetched();
    return Errno.OK;
  }

  /**
   * KVM_RUN alone: the guest goes on where it is.
   *
   * @param vendor what the VM does for an action that only this technology has
   */
  RunResult goOn(
      VcpuContext vcpu, PkvmVcpu v, Function<GuestAction.Vendor, @Nullable RunResult> vendor) {
    return switch (v.progress.at()) {
      case ACTION -> again(vcpu, v.progress.action(), vendor);
      case DOORBELL -> {
        v.progress.told();
        yield RunResult.ok(new Exit.Done(-1));
      }
      case VECTORS -> {
        v.progress.told();
        yield RunResult.ok(new Exit.GuestAbort(ESR_FETCH_EXTERNAL_ABORT));
      }
      case START, END -> idle(vcpu);
    };
  }

  /** The guest spins until a signal ends the run. */
  private RunResult idle(VcpuContext vcpu) {
    Errno e = interrupted(vcpu, "the guest has nothing to do");
    return RunResult.of(e, vcpu.exit());
  }

  /** What did not get done is done again; the VMM, who asked for no value, is told none. */
  private RunResult again(
      VcpuContext vcpu,
      @Nullable GuestAction action,
      Function<GuestAction.Vendor, @Nullable RunResult> vendor) {
    return switch (action) {
      case GuestAction.Read a -> touch(vcpu, a.gpa(), Access.READ, 0);
      case GuestAction.Write a -> touch(vcpu, a.gpa(), Access.WRITE, a.value());
      case GuestAction.Fetch a -> touch(vcpu, a.gpa(), Access.FETCH, 0);
      case GuestAction.Vendor a -> {
        RunResult r = vendor.apply(a);
        yield r == null
            ? idle(vcpu)
            : r.exit() instanceof Exit.Done ? new RunResult(r.errno(), new Exit.Done(-1)) : r;
      }
      case null, default -> idle(vcpu);
    };
  }

  private RunResult touch(VcpuContext vcpu, long gpa, Access access, int value) {
    long r = vm.access(vcpu, gpa, access, value);
    if (r >= 0) {
      return RunResult.ok(new Exit.Done(-1));
    }
    Errno e = r == VmContext.EXITED ? Errno.OK : Errno.of((int) -r);
    return RunResult.of(e, vcpu.exit());
  }

  private Errno interrupted(VcpuContext vcpu, String why) {
    vcpu.setExit(Psci.INTERRUPTED);
    return refuse(Errno.EINTR, why);
  }

  private Errno refuse(Errno e, String why) {
    return platform.host().trace().refuse(e, why);
  }

  /** As {@link MappingOps#guestWalk}. */
  long walk(VcpuContext vcpu, PkvmVcpu v, long gpa, Access access) {
    long r = hyp.guestWalk(v.cpu, gpa, access == Access.WRITE, access == Access.FETCH);
    if (r >= 0) {
      return r;
    }
    if (r == Hyp.WALK_ADDRESS_SIZE_FAULT) {
      vcpu.setExit(new Exit.GuestAbort(addressSize(access)));
      return MappingOps.WALK_EXIT;
    }
    return MappingOps.WALK_FAULT;
  }

  /** Returns the syndrome of an access beyond all physical addresses. */
  static long addressSize(Access access) {
    return switch (access) {
      case READ -> ESR_DATA_ADDRESS_SIZE;
      case WRITE -> ESR_DATA_ADDRESS_SIZE | ESR_WRITE;
      case FETCH -> ESR_FETCH_ADDRESS_SIZE;
    };
  }

  RunResult hypercall(VcpuContext vcpu, PkvmVcpu v, Hvc hvc) {
    for (long tries = 1; ; tries++) {
      HvcOutcome o = hyp.guestHvc(v.cpu, hvc.fn(), hvc.a0(), hvc.a1(), hvc.a2());
      switch (o) {
        case DONE -> {
          return RunResult.ok(new Exit.Done(hyp.guestX0(v.cpu)));
        }
        case TO_HOST -> {
          return smccc.call(v, hvc);
        }
        case FAULT -> {
          RunResult r = shareFault(vcpu, hvc.a0());
          if (r != null) {
            return r;
          }
          Errno again = vcpu.goRound(hvc.a0() >>> PageLevel.PAGE_SHIFT, tries);
          if (!again.ok()) {
            return RunResult.of(again, vcpu.exit());
          }
        }
      }
    }
  }

  /** The host handles the write abort that EL2 made up; null lets the guest call once more. */
  private @Nullable RunResult shareFault(VcpuContext vcpu, long ipa) {
    Errno e = vm.mapPage(vcpu, ipa, /* isPrivate= */ true);
    if (e == Errno.ENOENT) {
      // No slot. io_mem_abort: no syndrome to emulate the access by, so a pVM gets an external
      // abort.
      return RunResult.ok(new Exit.GuestAbort(ESR_EXTERNAL_ABORT));
    }
    return e.ok() || e == Errno.EAGAIN ? null : new RunResult(e, new Exit.Unknown());
  }
}
