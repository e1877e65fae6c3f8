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
import dev.cocovisor.snp.rmp.Outcome;
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

  /** GHCB_ERR_NOT_REGISTERED. */
  private static final int NOT_REGISTERED = 1;

  private final SevVm sev;
  private final VmContext vm;
  private final SnpFaults faults;
  private final VmEntry entry;
  private final ApCreation aps;
  private final GuestInstructions cpu;

  SnpGuestActions(SevVm sev, SnpFaults faults, VmEntry entry, ApCreation aps) {
    this.sev = sev;
    this.vm = sev.context();
    this.faults = faults;
    this.entry = entry;
    this.aps = aps;
    this.cpu = sev.platform().guestInstructions();
  }

  @Nullable RunResult run(VcpuContext vcpu, GuestAction.Vendor action) {
    if (!sev.isSnp()) {
      return null;
    }
    SevVcpu state = sev.stateOf(vcpu);
    Fields f = action.fields();
    return switch (action.name()) {
      case "pvalidate", "rmpadjust", "rmpquery" -> instruction(vcpu, state, action);
      case "validate" -> validate(vcpu, state, f);
      case "vmpl" -> {
        state.vmpl = (int) f.number("vmpl") & 3;
        yield hlt(new Fields().put("vmpl", state.vmpl));
      }
      case "ghcb_register" -> {
        state.ghcbGfn = f.number("gfn");
        yield hlt(new Fields().put("ghcb_msr", state.ghcbGfn << PAGE_SHIFT | 0x13));
      }
      case "ap_creation" -> state.ghcbGfn < 0 ? unregistered() : aps.request(f);
      case "init_sipi" -> aps.initSipi(f);
      case "psc" -> buffer(state, f);
      case "psc_msr" -> begin(state, PageStateChange.msr(f.number("gfn"), (int) f.number("op")));
      case "psc_resume", "resume" -> resume(state, f.number("ret"));
      default -> null;
    };
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
    if (!Outcome.isCompleted(outcome)) {
      return hlt(new Fields().put("fault", Outcome.describe(outcome)));
    }
    Fields result = new Fields().put("rax", Outcome.eax(outcome));
    switch (action.name()) {
      case "pvalidate" -> result.put("cf", Outcome.carry(outcome) ? 1 : 0);
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
      PageLevel level = vm.mappedLevel(gfn, true);
      long pfn = level == null ? -1 : vm.mappedPfn(gfn, true);
      if (!entry.enter(vcpu)) {
        return UNMAPPED_EXIT;
      }
      long out;
      try {
        out = e.run(gpa, pfn, level != null && level != PageLevel.PG_4K);
      } finally {
        entry.leave(vcpu);
      }
      if (out != Outcome.OK) {
        boolean nested2m = level != null && level != PageLevel.PG_4K;
        faults.explain(entry.mode(sev.stateOf(vcpu)), gpa, pfn, nested2m, out);
      }
      if (!Outcome.isNestedFault(out)) {
        return out;
      }
      boolean mapped = (Outcome.errorCode(out) & Outcome.RMP) != 0;
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
    return new RunResult(e instanceof Exit.MemoryFault ? Errno.EFAULT : Errno.OK, e);
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

  private RunResult buffer(SevVcpu state, Fields f) {
    if (state.ghcbGfn < 0) {
      return unregistered();
    }
    int end = (int) f.number("end_entry") & 0xffff;
    PageStateChange p = PageStateChange.buffer((int) f.number("cur_entry", 0) & 0xffff, end);
    int i = 0;
    for (Object o : f.list("entries")) {
      if (o instanceof Fields e && i < PageStateChange.MAX_ENTRIES) {
        p.entry(
            i++,
            (int) e.number("cur_page", 0) & 0xfff,
            e.number("gfn"),
            (int) e.number("op") & 0xf,
            e.number("size", 0) != 0);
      }
    }
    return begin(state, p);
  }

  /** An SNP guest has to register its GHCB first; it is told so, and goes on (sev.c, 7.2). */
  private RunResult unregistered() {
    sev.platform()
        .machine()
        .trace()
        .refused("GHCB_ERR_NOT_REGISTERED", () -> "the guest registered no GHCB");
    return ApCreation.answer(ApCreation.MALFORMED_INPUT, NOT_REGISTERED);
  }

  private RunResult begin(SevVcpu state, PageStateChange p) {
    if (state.stateChangeStuck && p.buffered()) {
      // snp_do_psc finds entries in flight, warns, and forgets all of it.
      state.stateChangeStuck = false;
      return p.failed();
    }
    RunResult r = p.next(offered());
    state.pending = PageStateChange.ended(r) ? null : p;
    return r;
  }

  private RunResult resume(SevVcpu state, long ret) {
    PageStateChange p = state.pending;
    if (p == null) {
      return new RunResult(Errno.EINVAL, new Exit.Unknown());
    }
    if (!validAnswer(ret)) {
      state.pending = null;
      state.stateChangeStuck = p.buffered();
      return new RunResult(
          sev.refuse(Errno.EINVAL, "user space may answer 0, EINVAL or EAGAIN"),
          new Exit.Unknown());
    }
    RunResult r = p.answered(ret, offered());
    if (PageStateChange.ended(r)) {
      state.pending = null;
    }
    return r;
  }

  /** kvm_is_valid_map_gpa_range_ret. */
  private static boolean validAnswer(long ret) {
    return ret == 0 || ret == Errno.EINVAL.number() || ret == Errno.EAGAIN.number();
  }

  private boolean offered() {
    return (vm.exitHypercalls() & 1L << 12) != 0;
  }
}
