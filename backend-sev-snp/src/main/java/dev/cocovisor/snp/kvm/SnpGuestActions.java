package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.snp.guest.Validation;
import dev.cocovisor.snp.rmp.GuestInstructions;
import dev.cocovisor.snp.rmp.RmpOutcome;
import org.jspecify.annotations.Nullable;

/**
 * Actions of an SNP guest beyond loads and stores: the instructions that change its RMP entries and
 * the requests it makes through its GHCB.
 *
 * <p>Names and fields are listed in {@link dev.cocovisor.snp.guest.SnpActions}. An instruction
 * whose page is not mapped, or whose entry has another size, faults to KVM first, exactly as an
 * access does; it is executed again until it completes or the run ends.
 */
final class SnpGuestActions {
  private static final long UNMAPPED_EXIT = -1;

  private final SevVm sev;
  private final VmContext vm;
  private final SnpFaults faults;
  private final VmEntry entry;
  private final ApCreation aps;
  private final PageStateRequests states;
  private final GhcbMessages messages;
  private final GuestRequests requests;
  private final Vmgexit exits;
  private final GuestInstructions cpu;

  SnpGuestActions(SevVm sev, SnpFaults faults, VmEntry entry, ApCreation aps) {
    this.sev = sev;
    this.vm = sev.context();
    this.faults = faults;
    this.entry = entry;
    this.aps = aps;
    this.states = new PageStateRequests(sev);
    this.messages = new GhcbMessages(sev, states);
    this.requests = new GuestRequests(sev);
    this.exits = new Vmgexit(sev, messages, states, aps, requests);
    this.cpu = sev.platform().guestInstructions();
  }

  @Nullable RunResult run(VcpuContext vcpu, GuestAction.Vendor action) {
    if (!sev.info().esActive) {
      return null;
    }
    SevVcpu state = sev.stateOf(vcpu);
    Fields f = action.fields();
    RunResult asked = asked(state, action.name(), f);
    if (asked != null || !sev.isSnp()) {
      return asked;
    }
    return switch (action.name()) {
      case "pvalidate", "rmpadjust", "rmpquery" -> instruction(vcpu, state, action);
      case "validate" -> validate(vcpu, state, f);
      case "vmpl" -> {
        state.vmpl = (int) f.number("vmpl") & 3;
        yield hlt(new Fields().put("vmpl", state.vmpl));
      }
      case "init_sipi" -> aps.initSipi(f);
      default -> null;
    };
  }

  /** What a guest asks through its GHCB; null where the action is something else. */
  private @Nullable RunResult asked(SevVcpu state, String name, Fields f) {
    return switch (name) {
      case "vmgexit" -> exits.run(state, f);
      case "ghcb_register" ->
          messages.message(state, f.number("gfn") << PAGE_SHIFT | GhcbMessages.REGISTER_REQUEST);
      case "psc_msr" -> message(state, f.number("gfn"), (int) f.number("op"));
      case "psc" ->
          registered(state) ? states.buffer(state, f, PageStateChange.MAX_ENTRIES) : refused();
      case "ap_creation" -> registered(state) ? aps.request(state, f) : refused();
      case "psc_resume", "resume" -> answered(state, f.number("ret"));
      default -> null;
    };
  }

  /** User space answered an exit; null where none of this guest's waits. */
  @Nullable RunResult resume(VcpuContext vcpu, long ret) {
    SevVcpu state = sev.stateOf(vcpu);
    boolean nothing =
        state.pending == null
            && state.request == null
            && state.transfer == null
            && !state.hypercall;
    return nothing ? null : answered(state, ret);
  }

  private RunResult answered(SevVcpu state, long ret) {
    if (state.hypercall) {
      return exits.hypercallAnswered(state, ret);
    }
    if (state.transfer != null) {
      return exits.deviceAnswered(state, state.transfer);
    }
    var waiting = state.request;
    return waiting != null ? requests.answered(state, waiting, ret) : states.resume(state, ret);
  }

  private RunResult message(SevVcpu state, long gfn, int operation) {
    return sev.isSnp()
        ? states.message(state, gfn, operation)
        : GhcbMessages.terminate(GhcbMessages.stateRequest(gfn, operation));
  }

  /** The short actions name no GHCB: theirs is the one that was registered. */
  private boolean registered(SevVcpu state) {
    return sev.isSnp() && state.ghcbGfn >= 0;
  }

  private RunResult refused() {
    return sev.isSnp()
        ? Vmgexit.malformed(sev, Vmgexit.NOT_REGISTERED, "the guest registered no GHCB")
        : Vmgexit.malformed(sev, Vmgexit.INVALID_EVENT, "the event is for SNP guests");
  }

  private static RunResult hlt(Fields f) {
    return RunResult.ok(new Exit.Vendor(5, "KVM_EXIT_HLT", f));
  }

  private RunResult instruction(VcpuContext vcpu, SevVcpu state, GuestAction.Vendor action) {
    Fields f = action.fields();
    long[] out = new long[2];
    long outcome =
        untilDone(
            vcpu,
            f.number("gpa"),
            (gpa, pfn, nested2m) -> execute(action.name(), state, f, gpa, pfn, nested2m, out));
    if (outcome == UNMAPPED_EXIT) {
      return ended(state);
    }
    if (!RmpOutcome.isCompleted(outcome)) {
      return hlt(new Fields().put("fault", RmpOutcome.describe(outcome)));
    }
    Fields result = new Fields().put("rax", RmpOutcome.eax(outcome));
    switch (action.name()) {
      case "pvalidate" -> result.put("cf", RmpOutcome.carry(outcome) ? 1 : 0);
      case "rmpquery" -> result.put("rcx", out[0]).put("rdx", out[1]);
      default -> {}
    }
    return hlt(result);
  }

  private long execute(
      String name, SevVcpu state, Fields f, long gpa, long pfn, boolean nested2m, long[] out) {
    var mode = entry.mode(state);
    int size = (int) f.number("size", 0);
    return switch (name) {
      case "pvalidate" ->
          cpu.pvalidate(mode, gpa, size, f.number("validate", 1) != 0, gpa, pfn, nested2m);
      case "rmpadjust" ->
          cpu.rmpadjust(
              mode,
              gpa,
              size,
              f.number("vmpl")
                  | f.number("perms", 0) << 8
                  | (f.number("vmsa", 0) != 0 ? GuestInstructions.VMSA : 0),
              gpa,
              pfn,
              nested2m);
      default -> cpu.rmpquery(mode, f.number("vmpl"), gpa, pfn, out);
    };
  }

  /** One execution of an instruction on a translated address. */
  @FunctionalInterface
  private interface Execution {
    long run(long gpa, long pfn, boolean nested2m);
  }

  private long untilDone(VcpuContext vcpu, long gpa, Execution e) {
    for (int attempt = 0; attempt < 4 * SnpFaults.PATIENCE; attempt++) {
      long gfn = gpa >>> PAGE_SHIFT;
      PageLevel level;
      long pfn;
      AccessOutcome entered;
      do {
        level = vm.mappedLevel(gfn, true);
        pfn = level == null ? -1 : vm.mappedPfn(gfn, true);
        entered = entry.enter(vcpu);
      } while (entered == AccessOutcome.RETRY);
      if (entered == AccessOutcome.EXIT) {
        return UNMAPPED_EXIT;
      }
      boolean nested2m = level != null && level != PageLevel.PG_4K;
      long out;
      try {
        out = e.run(gpa, pfn, nested2m);
      } finally {
        entry.leave(vcpu);
      }
      if (out != RmpOutcome.OK) {
        faults.explain(entry.mode(sev.stateOf(vcpu)), gpa, pfn, nested2m, out);
      }
      if (!RmpOutcome.isNestedFault(out)) {
        return out;
      }
      boolean mapped = (RmpOutcome.errorCode(out) & RmpOutcome.RMP) != 0;
      if (!vm.isPrivate(gfn) || (!mapped && !vm.mapPage(vcpu, gpa, true).ok())) {
        entry.end(
            vcpu,
            new Exit.MemoryFault(Exit.MemoryFault.PRIVATE, gpa & ~0xFFFL, PageLevel.PAGE_SIZE));
        return UNMAPPED_EXIT;
      }
      if (!mapped) {
        continue;
      }
      if (faults.handle(vcpu, gpa, out) == AccessOutcome.EXIT) {
        return UNMAPPED_EXIT;
      }
    }
    entry.end(vcpu, new Exit.Vendor(-1, "RMP_FAULT_LOOP", new Fields().put("gpa", gpa)));
    return UNMAPPED_EXIT;
  }

  static RunResult ended(SevVcpu state) {
    Exit e = state.exit == null ? new Exit.Unknown() : state.exit;
    Errno r =
        switch (e) {
          case Exit.MemoryFault _ -> Errno.EFAULT;
          case Exit.Interrupted _ -> Errno.EINTR;
          default -> Errno.OK;
        };
    return new RunResult(r, e);
  }

  private RunResult validate(VcpuContext vcpu, SevVcpu state, Fields f) {
    boolean value = f.number("validate", 1) != 0;
    Validation driver =
        new Validation((gpa, size) ->
            untilDone(
                vcpu,
                gpa,
                (at, pfn, nested2m) ->
                    cpu.pvalidate(entry.mode(state), at, size, value, at, pfn, nested2m)));
    long stopped = driver.run(f.number("gpa"), f.number("npages"));
    if (driver.interrupted()) {
      return ended(state);
    }
    return hlt(
        new Fields()
            .put("rax", stopped)
            .put("huge", driver.hugePages())
            .put("small", driver.smallPages()));
  }
}
