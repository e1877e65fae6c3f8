package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;

/**
 * The page state changes a vCPU has under way: begun by buffer or MSR, gone on with by user space's
 * answer.
 *
 * <p>Source: {@code arch/x86/kvm/svm/sev.c}, snp_begin_psc, snp_complete_one_psc,
 * snp_begin_psc_msr, snp_complete_psc_msr (7.3).
 */
final class PageStateRequests {
  private final SevVm sev;
  private final VmContext vm;

  PageStateRequests(SevVm sev) {
    this.sev = sev;
    this.vm = sev.context();
  }

  /**
   * Begins a request by buffer: {@code {cur_entry, end_entry, entries}}.
   *
   * @param room how many entries the buffer has room for
   */
  RunResult buffer(SevVcpu state, Fields f, int room) {
    int end = (int) f.number("end_entry", 0) & 0xffff;
    PageStateChange p = PageStateChange.buffer((int) f.number("cur_entry", 0) & 0xffff, end, room);
    int i = 0;
    for (Object o : f.list("entries")) {
      if (o instanceof Fields e && i < room) {
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

  /** Begins a request by the MSR protocol. */
  RunResult message(SevVcpu state, long gfn, int operation) {
    return begin(state, PageStateChange.msr(gfn, operation));
  }

  private RunResult begin(SevVcpu state, PageStateChange p) {
    boolean stuck = p.buffered() && state.stateChangeStuck;
    if (stuck) {
      // Whatever this request ends with, what was in flight is forgotten (snp_complete_psc).
      state.stateChangeStuck = false;
    }
    RunResult r = stuck && p.headerOk(offered()) ? p.failed() : p.next(offered());
    state.pending = PageStateChange.ended(r) ? null : p;
    return r;
  }

  /** Goes on after user space answered; KVM_RUN fails for an answer that no hypercall has. */
  RunResult resume(SevVcpu state, long ret) {
    PageStateChange p = state.pending;
    if (p == null) {
      return new RunResult(
          sev.refuse(Errno.EINVAL, "no page state change waits for an answer"), new Exit.Unknown());
    }
    boolean checked = sev.platform().machine().kernel().on(SevKernelRules.ANSWERS_ARE_CHECKED);
    if (checked && !validAnswer(ret)) {
      state.pending = null;
      state.stateChangeStuck = p.buffered();
      // complete_userspace_io fails before the exit's reason is reset.
      return new RunResult(
          sev.refuse(Errno.EINVAL, "user space may answer 0, EINVAL or EAGAIN"), p.asked());
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
    return (vm.exitHypercalls() & 1L << PageStateChange.MAP_GPA_RANGE) != 0;
  }
}
