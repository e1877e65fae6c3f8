package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;

/**
 * VMMCALL that a guest with hidden registers passes on in its GHCB: KVM's own hypercalls, with
 * 64-bit operands always, of which KVM_HC_MAP_GPA_RANGE goes to user space. Hints of the scheduler
 * are taken whether the guest was shown them or not: nobody enforces its CPUID here.
 *
 * <p>RAX and CPL are marked valid or the event was refused before; RBX, RCX and RDX are 0 where
 * they are not. Whatever user space answers is the guest's RAX. Source: {@code arch/x86/kvm/x86.c},
 * ____kvm_emulate_hypercall, complete_hypercall_exit; regs.h, is_64_bit_hypercall (7.3).
 */
final class GhcbHypercall {
  private static final long VAPIC_POLL_IRQ = 1;
  private static final long KICK_CPU = 5;
  private static final long SCHED_YIELD = 11;
  private static final long MAP_GPA_RANGE = PageStateChange.MAP_GPA_RANGE;
  private static final long KVM_ENOSYS = 1000;

  /** KVM_EXIT_HYPERCALL_LONG_MODE. */
  private static final long LONG_MODE = 1;

  private final SevVm sev;

  GhcbHypercall(SevVm sev) {
    this.sev = sev;
  }

  RunResult call(SevVcpu state, Fields f) {
    if (f.number("cpl") != 0) {
      sev.refused("VMMCALL", "only the guest's kernel may call");
      return answer(-Errno.EPERM.number());
    }
    long nr = f.number("rax");
    if (nr == VAPIC_POLL_IRQ || nr == KICK_CPU || nr == SCHED_YIELD) {
      return answer(0);
    }
    boolean offered = (sev.context().exitHypercalls() & 1L << MAP_GPA_RANGE) != 0;
    if (nr != MAP_GPA_RANGE || !offered) {
      return answer(-KVM_ENOSYS);
    }
    long gpa = f.number("rbx", 0);
    long pages = f.number("rcx", 0);
    long gfn = gpa >>> PageLevel.PAGE_SHIFT;
    if ((gpa & (PageLevel.PAGE_SIZE - 1)) != 0 || Long.compareUnsigned(gfn + pages, gfn) <= 0) {
      return answer(-Errno.EINVAL.number());
    }
    state.hypercall = true;
    long[] args = {gpa, pages, f.number("rdx", 0)};
    return RunResult.ok(new Exit.Hypercall(nr, args, LONG_MODE));
  }

  /** User space answered. */
  RunResult answered(SevVcpu state, long ret) {
    state.hypercall = false;
    return answer(ret);
  }

  private static RunResult answer(long rax) {
    return RunResult.ok(new Exit.Vendor(5, "KVM_EXIT_HLT", new Fields().put("rax", rax)));
  }
}
