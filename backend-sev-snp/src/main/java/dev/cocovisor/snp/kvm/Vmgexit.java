package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.snp.guest.SnpActions;

/**
 * VMGEXIT with a GHCB: whether KVM takes it, and what it does.
 *
 * <p>A field that the action does not give is not marked valid in the GHCB. What is malformed is
 * told to the guest (SW_EXITINFO1 2, and which way in SW_EXITINFO2), who goes on; without a GHCB
 * nothing is told at all. Source: {@code arch/x86/kvm/svm/sev.c}, sev_handle_vmgexit; {@code
 * svm.c}, svm_invoke_exit_handler; {@code arch/x86/kvm/x86.c}, kvm_emulate_ap_reset_hold (7.3).
 */
final class Vmgexit {
  static final int NOT_REGISTERED = 1;
  private static final int INVALID_USAGE = 2;
  static final int MISSING_INPUT = 4;
  static final int INVALID_INPUT = 5;
  static final int INVALID_EVENT = 6;
  private static final int MALFORMED = 2;
  private static final int EXIT_AP_RESET_HOLD = 32;

  private static final long NMI_COMPLETE = 0x8000_0003L;
  private static final long AP_RESET_HOLD = 0x8000_0004L;
  private static final long TERMINATE = 0x8000_fffeL;
  private static final long UNSUPPORTED_EVENT = 0x8000_ffffL;

  private static final String[] NAMES = {
    "",
    "GHCB_ERR_NOT_REGISTERED",
    "GHCB_ERR_INVALID_USAGE",
    "GHCB_ERR_INVALID_SCRATCH_AREA",
    "GHCB_ERR_MISSING_INPUT",
    "GHCB_ERR_INVALID_INPUT",
    "GHCB_ERR_INVALID_EVENT"
  };

  private static final long HEADER = 8;
  private static final int UNEXPECTED_EXIT_REASON = 4;
  private static final long WORD = 8;

  private final SevVm sev;
  private final GhcbMessages messages;
  private final PageStateRequests states;
  private final ApCreation aps;
  private final GuestRequests requests;
  private final GhcbHypercall hypercalls;
  private final GhcbDevices devices;
  private long jumpTable;

  Vmgexit(
      SevVm sev,
      GhcbMessages messages,
      PageStateRequests states,
      ApCreation aps,
      GuestRequests requests) {
    this.sev = sev;
    this.messages = messages;
    this.states = states;
    this.aps = aps;
    this.requests = requests;
    this.hypercalls = new GhcbHypercall(sev);
    this.devices = new GhcbDevices(sev);
  }

  /** Carries out {@code guest_vmgexit(vcpu, {ghcb, usage, exit_code, exitinfo1, exitinfo2, …})}. */
  RunResult run(SevVcpu state, Fields f) {
    long ghcb = f.number("ghcb", Math.max(state.ghcbGfn, 0) << PAGE_SHIFT);
    if ((ghcb & GhcbMessages.INFO) != 0) {
      return messages.message(state, ghcb);
    }
    if (ghcb == 0 || !mapped(ghcb)) {
      sev.refused("VMGEXIT", "there is no GHCB at gpa 0x" + Long.toHexString(ghcb));
      return RunResult.ok(new Exit.Hlt(-1));
    }
    long code = f.number("exit_code", -1);
    if (sev.isSnp() && ghcb >>> PAGE_SHIFT != state.ghcbGfn) {
      return notRegistered();
    }
    if (f.number("usage", 0) != 0) {
      return malformed(INVALID_USAGE, "only usage 0 is known");
    }
    if (GhcbFields.snpOnly(code) && !sev.isSnp()) {
      return malformed(INVALID_EVENT, "the event is for SNP guests");
    }
    if (!GhcbFields.complete(code, f)) {
      return malformed(MISSING_INPUT, "a field that the event needs is not marked valid");
    }
    return event(state, code, ghcb, f);
  }

  /** User space did what MMIO or IO asked of it. */
  RunResult deviceAnswered(SevVcpu state, DeviceTransfer transfer) {
    return devices.answered(state, transfer);
  }

  /** User space answered a hypercall. */
  RunResult hypercallAnswered(SevVcpu state, long ret) {
    return hypercalls.answered(state, ret);
  }

  private RunResult notRegistered() {
    String why = "the guest registered another GHCB, or none";
    return sev.platform().machine().kernel().on(SevKernelRules.GUEST_IS_TOLD)
        ? malformed(NOT_REGISTERED, why)
        : new RunResult(sev.refuse(Errno.EINVAL, why), new Exit.Unknown());
  }

  /** kvm_vcpu_map: the GHCB is reached through the VMM's mapping, to be read and written. */
  private boolean mapped(long ghcb) {
    byte[] first = new byte[1];
    return sev.context().readGuest(ghcb, first, 0, 1).ok()
        && sev.context().writeGuest(ghcb, first, 0, 1).ok();
  }

  private RunResult event(SevVcpu state, long code, long ghcb, Fields f) {
    long info1 = f.number("exitinfo1");
    long info2 = f.number("exitinfo2");
    if (code == GhcbFields.MMIO_READ || code == GhcbFields.MMIO_WRITE) {
      return devices.mmio(state, code == GhcbFields.MMIO_WRITE, ghcb, info1, info2, f);
    }
    if (code == NMI_COMPLETE) {
      return answer(0, 0);
    }
    if (code == AP_RESET_HOLD) {
      return resetHold(sev, state);
    }
    if (code == SnpActions.AP_JUMP_TABLE) {
      return jumpTable(info1, info2);
    }
    if (code == SnpActions.HV_FEATURES) {
      return answer(0, GhcbMessages.FEATURES);
    }
    if (code == TERMINATE) {
      return GhcbMessages.terminate(ghcb);
    }
    if (code == GhcbFields.PAGE_STATE) {
      long at = f.number("scratch");
      RunResult bad = ScratchArea.setup(sev, ghcb, at, HEADER, true).refused();
      return bad != null
          ? bad
          : states.buffer(state, f, (int) ((ghcb + ScratchArea.BUFFER_END - at - HEADER) / WORD));
    }
    if (code == GhcbFields.AP_CREATION) {
      return aps.request(state, f, info1, info2);
    }
    if (code == GhcbFields.GUEST_REQUEST || code == GhcbFields.EXTENDED_REQUEST) {
      return requests.request(state, f, code == GhcbFields.EXTENDED_REQUEST, info1, info2);
    }
    if (code == GhcbFields.VMMCALL) {
      return hypercalls.call(state, f);
    }
    if (code == UNSUPPORTED_EVENT) {
      return new RunResult(
          sev.refuse(Errno.EINVAL, "the guest had a #VC that it does not know"),
          new Exit.Unknown());
    }
    if (code == GhcbFields.IOIO) {
      return devices.io(state, ghcb, info1, info2, f);
    }
    return instruction(code);
  }

  /**
   * Instructions that go to their ordinary handlers: DR7, TSC, PMC, CPUID, MSR and the like. The
   * guest goes on; what its registers hold then, and an exception that it takes, is not modelled.
   * RDTSC has no handler, since KVM never intercepts it.
   */
  private RunResult instruction(long code) {
    return code >>> 32 != 0
        ? noEvent(code)
        : switch ((int) code) {
          case 0x27, 0x37, 0x6f, 0x72, 0x76, 0x7c, 0x87, 0x89, 0x8a, 0x8b -> answer(0, 0);
          case 0x6e -> {
            sev.refused("KVM_EXIT_INTERNAL_ERROR", "no handler for RDTSC");
            yield RunResult.ok(new Exit.KvmInternalError(UNEXPECTED_EXIT_REASON));
          }
          default -> noEvent(code);
        };
  }

  private RunResult noEvent(long code) {
    return malformed(INVALID_EVENT, "there is no event 0x" + Long.toHexString(code));
  }

  private RunResult jumpTable(long what, long address) {
    if (what == 0) {
      jumpTable = address;
      return answer(0, 0);
    }
    return what == 1
        ? answer(0, jumpTable)
        : malformed(INVALID_INPUT, "a jump table is set (0) or asked for (1)");
  }

  private RunResult malformed(int how, String why) {
    return malformed(sev, how, why);
  }

  static RunResult malformed(SevVm sev, int how, String why) {
    sev.refused(NAMES[how], why);
    return answer(MALFORMED, how);
  }

  static RunResult answer(long info1, long info2) {
    return answer(new Fields().put("exitinfo1", info1).put("exitinfo2", info2));
  }

  static RunResult answer(Fields ghcb) {
    return RunResult.ok(new Exit.Vendor(5, "KVM_EXIT_HLT", ghcb));
  }

  /**
   * A vCPU waits for its SIPI (kvm_emulate_ap_reset_hold): KVM_RUN would sleep until a signal comes
   * where the local APIC is KVM's; else user space is told, whose wait it is.
   */
  static RunResult resetHold(SevVm sev, SevVcpu state) {
    if (!sev.context().lapicInKernel()) {
      return RunResult.ok(
          new Exit.Vendor(EXIT_AP_RESET_HOLD, "KVM_EXIT_AP_RESET_HOLD", new Fields()));
    }
    state.resetHold = true;
    return new RunResult(
        sev.refuse(Errno.EINTR, "the vCPU waits for INIT and SIPI"), new Exit.Interrupted());
  }
}
