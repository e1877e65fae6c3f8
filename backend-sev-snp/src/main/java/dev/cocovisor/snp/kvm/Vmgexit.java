package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.snp.guest.SnpActions;
import org.jspecify.annotations.Nullable;

/**
 * VMGEXIT with a GHCB: whether KVM takes it, and what it does.
 *
 * <p>A field that the action does not give is not marked valid in the GHCB. What is malformed is
 * told to the guest (SW_EXITINFO1 2, and which way in SW_EXITINFO2), who goes on; without a GHCB
 * nothing is told at all. Instructions that only pass through the GHCB to their ordinary handlers
 * are not modelled. Source: {@code arch/x86/kvm/svm/sev.c}, sev_handle_vmgexit,
 * sev_es_are_required_ghcb_fields_valid, is_snp_only_vmgexit, setup_vmgexit_scratch (7.3).
 */
final class Vmgexit {
  static final int NOT_REGISTERED = 1;
  private static final int INVALID_USAGE = 2;
  private static final int INVALID_SCRATCH = 3;
  static final int MISSING_INPUT = 4;
  static final int INVALID_INPUT = 5;
  static final int INVALID_EVENT = 6;
  private static final int MALFORMED = 2;

  private static final long MMIO_READ = 0x8000_0001L;
  private static final long MMIO_WRITE = 0x8000_0002L;
  private static final long NMI_COMPLETE = 0x8000_0003L;
  private static final long AP_RESET_HOLD = 0x8000_0004L;
  private static final long PAGE_STATE = 0x8000_0010L;
  private static final long GUEST_REQUEST = 0x8000_0011L;
  private static final long EXTENDED_REQUEST = 0x8000_0012L;
  private static final long AP_CREATION = 0x8000_0013L;
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

  /** Where the GHCB's shared buffer begins and ends, bytes. */
  private static final long BUFFER = 0x800;

  private static final long BUFFER_END = 0xff0;
  private static final long HEADER = 8;
  private static final long WORD = 8;

  private final SevVm sev;
  private final GhcbMessages messages;
  private final PageStateRequests states;
  private final ApCreation aps;
  private long jumpTable;

  Vmgexit(SevVm sev, GhcbMessages messages, PageStateRequests states, ApCreation aps) {
    this.sev = sev;
    this.messages = messages;
    this.states = states;
    this.aps = aps;
  }

  /** Carries out {@code guest_vmgexit(vcpu, {ghcb, usage, exit_code, exitinfo1, exitinfo2, …})}. */
  @Nullable RunResult run(SevVcpu state, Fields f) {
    long ghcb = f.number("ghcb", Math.max(state.ghcbGfn, 0) << PAGE_SHIFT);
    if ((ghcb & GhcbMessages.INFO) != 0) {
      return messages.message(state, ghcb);
    }
    if (ghcb == 0 || sev.context().slotOf(ghcb >>> PAGE_SHIFT) == null) {
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
    if (snpOnly(code) && !sev.isSnp()) {
      return malformed(INVALID_EVENT, "the event is for SNP guests");
    }
    if (!complete(code, f)) {
      return malformed(MISSING_INPUT, "a field that the event needs is not marked valid");
    }
    return event(state, code, ghcb, f);
  }

  private RunResult notRegistered() {
    String why = "the guest registered another GHCB, or none";
    return sev.platform().machine().kernel().on(SevKernelRules.GUEST_IS_TOLD)
        ? malformed(NOT_REGISTERED, why)
        : new RunResult(sev.refuse(Errno.EINVAL, why), new Exit.Unknown());
  }

  private static boolean snpOnly(long code) {
    return code == AP_CREATION
        || code == GUEST_REQUEST
        || code == EXTENDED_REQUEST
        || code == PAGE_STATE;
  }

  private static boolean complete(long code, Fields f) {
    if (!f.has("exit_code") || !f.has("exitinfo1") || !f.has("exitinfo2")) {
      return false;
    }
    if (code == AP_CREATION) {
      return f.has("rax") || (int) f.number("exitinfo1") == ApCreation.DESTROY;
    }
    boolean scratch = code == MMIO_READ || code == MMIO_WRITE || code == PAGE_STATE;
    return !scratch || f.has("scratch");
  }

  private @Nullable RunResult event(SevVcpu state, long code, long ghcb, Fields f) {
    long info1 = f.number("exitinfo1");
    long info2 = f.number("exitinfo2");
    if (code == MMIO_READ || code == MMIO_WRITE) {
      return mmio(code == MMIO_WRITE, ghcb, info1, info2, f);
    }
    if (code == NMI_COMPLETE) {
      return answer(0, 0);
    }
    if (code == AP_RESET_HOLD) {
      state.resetHold = true;
      return asleep(sev);
    }
    if (code == SnpActions.AP_JUMP_TABLE) {
      return jumpTable(info1, info2);
    }
    if (code == SnpActions.HV_FEATURES) {
      return answer(0, GhcbMessages.FEATURES);
    }
    if (code == TERMINATE) {
      return GhcbMessages.terminate();
    }
    if (code == PAGE_STATE) {
      long at = f.number("scratch");
      RunResult bad = scratch(ghcb, at, HEADER);
      return bad != null
          ? bad
          : states.buffer(state, f, (int) ((ghcb + BUFFER_END - at - HEADER) / WORD));
    }
    if (code == AP_CREATION) {
      return aps.request(f, info1, info2);
    }
    if (code == GUEST_REQUEST || code == EXTENDED_REQUEST) {
      return ((info1 | info2) & 0xfff) != 0 || info1 == info2
          ? malformed(INVALID_INPUT, "request and response are one page, or no pages")
          : null;
    }
    if (code == UNSUPPORTED_EVENT) {
      return new RunResult(
          sev.refuse(Errno.EINVAL, "the guest had a #VC that it does not know"),
          new Exit.Unknown());
    }
    return passesThrough(code)
        ? null
        : malformed(INVALID_EVENT, "there is no event 0x" + Long.toHexString(code));
  }

  /**
   * Instructions that go to their ordinary handlers: IO, DR7, TSC, PMC, CPUID, MSR and the like.
   */
  private static boolean passesThrough(long code) {
    return switch ((int) code) {
      case 0x27, 0x37, 0x6e, 0x6f, 0x72, 0x76, 0x7b, 0x7c, 0x81, 0x87, 0x89, 0x8a, 0x8b ->
          code >>> 32 == 0;
      default -> false;
    };
  }

  private RunResult mmio(boolean write, long ghcb, long address, long length, Fields f) {
    if (length == 0) {
      return answer(0, 0);
    }
    if (sev.info().ghcbVersion >= 2 && Long.compareUnsigned(length, WORD) > 0) {
      return malformed(INVALID_INPUT, "more than 8 bytes at once");
    }
    RunResult bad = scratch(ghcb, f.number("scratch"), length);
    return bad != null ? bad : RunResult.ok(new Exit.Mmio(address, (int) length, write));
  }

  /** Checks a scratch area: from version 2 on it lies in the GHCB's shared buffer. */
  private @Nullable RunResult scratch(long ghcb, long at, long length) {
    if (at == 0 || Long.compareUnsigned(at + length, at) < 0) {
      return malformed(INVALID_SCRATCH, "no scratch area, or one that wraps around");
    }
    if (at >>> PAGE_SHIFT == ghcb >>> PAGE_SHIFT) {
      return at < ghcb + BUFFER || at + length > ghcb + BUFFER_END
          ? malformed(INVALID_SCRATCH, "outside the GHCB's shared buffer")
          : null;
    }
    return sev.info().ghcbVersion >= 2
        ? malformed(INVALID_SCRATCH, "outside the GHCB, which version 1 alone allows")
        : null;
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
    return RunResult.ok(
        new Exit.Vendor(
            5, "KVM_EXIT_HLT", new Fields().put("exitinfo1", info1).put("exitinfo2", info2)));
  }

  /** A vCPU that waits for somebody: KVM_RUN would sleep until a signal comes. */
  static RunResult asleep(SevVm sev) {
    return new RunResult(
        sev.refuse(Errno.EINTR, "the vCPU waits for INIT and SIPI"), new Exit.Interrupted());
  }
}
